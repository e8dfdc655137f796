// The list of events. Every text goes through textContent: a name with HTML in it stays text.
const COLUMNS = [
  [null, ""], ["time", "time"], ["type", "model"], ["margin", "margin"], ["disagreement", "doubts"], [null, "verdict"],
  ["event", "event"],
];
const DOUBTS = ["any", "undecided", "small margin", "stations disagree", "unlike the training", "station abstained"];
const REVIEWED = ["any", "open", "done", "disagreed"];
const ORDERS = ["most useful", "margin", "disagreement", "novelty", "time", "type", "place", "event"];

function make(tag, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

function button(text, press, title) {
  const element = make("button", text);
  if (title) element.title = title;
  element.addEventListener("mousedown", (event) => event.preventDefault());  // keys stay with the page
  element.addEventListener("click", press);
  return element;
}

export function render({ model, el }) {
  const send = (wanted) => model.send_msg({ wanted });
  const filters = make("div", undefined, "filters");
  const field = (title, element, name) => {
    const label = make("label", undefined, name);
    label.append(...(name ? [element, make("span", title)] : [make("span", title), element]));
    filters.append(label);
    return element;
  };
  const select = (choices) => {
    const element = make("select");
    for (const choice of choices) element.append(new Option(choice, choice));
    return element;
  };
  const asks = (element, name) => {
    element.dataset.field = name;
    element.addEventListener("change", () => {
      send({ [name]: element.type === "checkbox" ? element.checked : element.value });
      if (element.tagName === "SELECT") element.blur();
    });
    return element;
  };
  const input = (hint) => Object.assign(make("input"), { placeholder: hint });
  const order = asks(field("order", select(ORDERS)), "order");
  asks(field("doubt", select(DOUBTS)), "doubt");
  asks(field("reviewed", select(REVIEWED)), "reviewed");
  const type = asks(field("type by the model", select([])), "label");
  asks(field("from (UTC)", input("2024-03-01")), "after");
  asks(field("until", input("2024-03-02T12:00")), "before");
  asks(field("id or type contains", input("")), "text");
  const reverse = asks(field("reversed", Object.assign(make("input"), { type: "checkbox" }), "wide"), "reverse");
  asks(field("only what the map shows", Object.assign(make("input"), { type: "checkbox" }), "wide"), "on_map");

  const pages = make("div", undefined, "pages");
  const counts = make("div", "", "muted");
  const box = make("div", undefined, "rows");
  const table = make("table");
  const head = make("tr");
  for (const [name, text] of COLUMNS) {
    const cell = make("th", text);
    head.append(cell);
    if (!name) continue;
    cell.title = name === "disagreement"
      ? "? undecided   ≈ small margin   ⇄ stations disagree   ! unlike the training   ∅ a station abstained"
      : `sort by ${name}`;
    cell.dataset.order = name;
    cell.addEventListener("click", () => {
      send(order.value === name ? { reverse: !reverse.checked } : { order: name, reverse: false });
    });
  }
  table.append(head);
  box.append(table);
  let shown = "";

  const draw = () => {
    const facts = JSON.parse(model.facts);
    counts.textContent = facts.counts;
    if (type.dataset.labels !== JSON.stringify(facts.labels)) {
      type.dataset.labels = JSON.stringify(facts.labels);
      type.replaceChildren(new Option("any", ""), ...facts.labels.map((label) => new Option(label, label)));
    }
    order.value = facts.order;
    reverse.checked = facts.reverse;
    for (const cell of head.children) {
      cell.classList.toggle("by", cell.dataset.order !== undefined && cell.dataset.order === facts.order);
      cell.classList.toggle("up", facts.reverse);
    }
    const page = facts.start / facts.size;
    const turn = (to) => () => model.send_msg({ page: to });
    const before = button("‹", turn(page - 1), "page before");
    const after = button("›", turn(page + 1), "next page");
    before.disabled = page === 0;
    after.disabled = facts.start + facts.size >= facts.total;
    const last = Math.min(facts.start + facts.size, facts.total);
    pages.replaceChildren(before, make("span", facts.total ? `${facts.start + 1}–${last} of ${facts.total}` : "none"), after);
    while (table.children.length > 1) table.lastChild.remove();
    let chosen = null;
    for (const row of facts.rows) {
      const line = make("tr", undefined, "row");
      line.dataset.event = row.event;
      const mark = make("td", row.verdict ? "✓" : row.others ? "·" : "");
      mark.title = row.verdict ? `by you: ${row.verdict}` : row.others ? "by others only" : "";
      line.append(mark, make("td", row.time));
      const label = make("td", undefined, "cut");
      const dot = make("span", undefined, "dot");
      dot.style.background = row.colour;
      label.append(dot, row.label);
      label.title = row.label;
      line.append(label, make("td", row.margin, "number"), make("td", row.doubts));
      line.append(make("td", row.verdict + (row.others ? ` (+${row.others})` : "")));
      const name = make("td", row.event, "cut");
      name.title = row.event;
      line.append(name);
      if (row.event === facts.event) { line.classList.add("chosen"); chosen = line; }
      line.addEventListener("click", () => model.send_msg({ go: row.event }));
      table.append(line);
    }
    if (chosen && facts.event !== shown) {  // only the box scrolls, never the page
      const top = chosen.offsetTop - head.offsetHeight;
      if (top < box.scrollTop || top + 40 > box.scrollTop + box.clientHeight) box.scrollTop = top - box.clientHeight / 3;
    }
    shown = facts.event;
    box.dataset.event = facts.event;
  };
  el.append(filters, counts, pages, box);
  draw();
  model.on("facts", draw);
}
