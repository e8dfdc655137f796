// The family that is chosen on the map: types to give, parts, clusters. Every text goes through textContent.
const SIGNS = ["●", "■", "▲", "◆", "▼", "⬢", "+", "★"];  // as on the map

function make(tag, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

export function render({ model, el }) {
  const root = make("div");
  root.id = "families";
  el.append(root);
  const draw = () => {
    const facts = JSON.parse(model.facts);
    const button = (parts, message) => {
      const element = make("button");
      element.append(...parts);
      element.addEventListener("mousedown", (event) => event.preventDefault());
      element.addEventListener("click", () => model.send_msg(message));
      return element;
    };
    const key = (text) => (text ? [make("kbd", text)] : []);
    const types = make("div", undefined, "types");
    for (const { label, key: own, colour } of facts.labels) {
      const dot = make("span", undefined, "dot");
      dot.style.background = colour;
      types.append(button([dot, `${label} `, ...key(own)], { label }));
    }
    const actions = make("div", undefined, "actions");
    actions.append(button(["split in two"], { action: "split" }));
    facts.parts.forEach((size, part) => actions.append(button([`part ${part + 1}: ${size}`], { part })));
    actions.append(button(["undo ", make("kbd", "⌫")], { action: "undo" }));
    if (facts.out) actions.append(button(["write named weights"], { action: "write" }));
    actions.append(button(["help ", make("kbd", "h")], { action: "help" }));
    const table = make("table");
    const head = make("tr");
    head.append(make("th", "cluster"), make("th", "windows"), make("th", "type by you"));
    table.append(head);
    for (const cluster of facts.clusters) {
      const row = make("tr", undefined, "cluster");
      row.append(make("td", `${SIGNS[cluster.number % SIGNS.length]} ${cluster.name}`), make("td", String(cluster.size)), make("td", cluster.type));
      row.dataset.cluster = cluster.number;
      row.addEventListener("click", () => model.send_msg({ cluster: cluster.number }));
      table.append(row);
    }
    root.replaceChildren(
      ...facts.notes.map((note) => make("div", note, "notes")),
      make("b", `${facts.chosen} of ${facts.events} chosen`),
      make("div", facts.types, "muted"), types, actions,
      make("div", `${facts.analyst}: ${facts.reviewed} of ${facts.total} windows have a type`, "muted"), table);
  };
  draw();
  model.on("facts", draw);
  model.send_msg({ hello: true });  // what changed while the page was loading may have been lost on the way
}
