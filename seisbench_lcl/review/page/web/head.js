// The event on the desk: what the model says, buttons for verdicts, what is known beside.
function make(tag, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

export function render({ model, el }) {
  const root = make("div");
  el.append(root);
  const draw = () => {
    const facts = JSON.parse(model.facts);
    const press = (message) => () => model.send_msg({ ...message, event: facts.event });
    const button = (parts, message, name) => {
      const element = make("button", undefined, name);
      element.append(...parts);
      element.addEventListener("mousedown", (event) => event.preventDefault());
      element.addEventListener("click", press(message));
      return element;
    };
    const key = (text) => (text ? [make("kbd", text)] : []);

    const title = make("div", undefined, "title");
    title.append(make("h2", facts.event ?? ""), make("span", facts.time ?? ""), make("span", facts.place ?? ""),
      make("span", facts.position ?? "", "muted"));

    const left = make("div");
    left.append(make("div", facts.model ?? ""));
    for (const bar of facts.bars) {
      const name = make("span", undefined, "name");
      name.append(...key(bar.key), bar.label);
      const track = make("span", undefined, "track");
      const fill = make("div", undefined, "fill");
      fill.style.width = `${100 * (bar.value ?? 0)}%`;
      fill.style.background = bar.colour;
      track.append(fill);
      const given = facts.verdict === bar.label ? "bar given" : "bar";
      const line = button([name, track, make("span", bar.value == null ? "" : bar.value.toFixed(2), "value")],
        { label: bar.label }, given);
      line.title = `it is: ${bar.label}`;
      left.append(line);
    }
    const actions = make("div", undefined, "actions");
    for (const [action, text] of [["accept", "accept"], ["undecided", "undecided"], ["wrong pick", "wrong pick"],
      ["back", "back"], ["next", "next"], ["undo", "undo"], ["play", "play"], ["components", "components"],
      ["help", "help"]]) {
      actions.append(button([`${text} `, ...key(facts.actions[action])], { action }));
    }
    left.append(actions);

    const side = make("div", undefined, "side");
    const line = (heading, ...parts) => {
      const element = make("div");
      element.append(...(heading ? [make("b", `${heading} `)] : []), ...parts);
      side.append(element);
      return element;
    };
    if (facts.event != null) {
      line(`${facts.analyst}:`, make("span", facts.verdict || "no verdict yet", "verdict"));
      if (facts.others.length) line("others:", facts.others.join("; "));
      if (facts.wrong.length) line("wrong pick at", facts.wrong.join(", "));
      line("votes:", facts.votes);
      if (facts.catalog) line("", facts.catalog);
      if (facts.context.length) line("time and place, not used by the model:", facts.context.join("; "));
      if (facts.similar.length) {
        const parts = facts.similar.map((other) => {
          const link = make("a", `${other.label} (${other.event}, ${other.distance})`, "go");
          link.addEventListener("click", () => model.send_msg({ go: other.event }));
          return link;
        });
        line("similar, labelled before:", ...parts.flatMap((part, i) => (i ? ["; ", part] : [part])));
      }
      if (facts.problem) line("", make("span", facts.problem, "problem"));
      if (facts.reading) line("", make("span", "reading the records …", "muted"));
    }
    if (facts.accuracy) line("the model, on events drawn at random:", facts.accuracy);
    if (facts.agreement.length) line("agreement:", facts.agreement.join("; "));

    const grid = make("div", undefined, "grid");
    grid.append(left, side);
    const notes = facts.notes.map((note) => make("div", note, "notes"));
    root.replaceChildren(...notes, title, grid);
    root.dataset.event = facts.event ?? "";
    root.dataset.reading = String(Boolean(facts.reading));
    root.id = "head";
    globalThis.seisbench_lcl_event = facts.event;
  };
  draw();
  model.on("facts", draw);
}
