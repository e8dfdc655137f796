// The event on the desk: what the model says, buttons for verdicts, what is known beside.
function make(tag, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

// The learning curve as a small drawing: accuracy with its 95 % interval over the number of labels.
function curve({ points, words }) {
  const [width, height, left, low] = [300, 110, 34, 92];
  const most = Math.max(1, ...points.map(([labels]) => labels));
  const least = Math.min(...points.map((point) => point[2]));
  const x = (labels) => left + (width - left - 14) * labels / most;
  const y = (value) => 8 + (low - 8) * (1 - value) / Math.max(1e-6, 1 - least);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.setAttribute("class", "curve");
  const draw = (tag, attributes, text) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text !== undefined) element.textContent = text;
    svg.append(element);
  };
  for (const value of [least, 1]) draw("text", { x: left - 5, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(2));
  for (const labels of [0, most]) draw("text", { x: x(labels), y: height - 3, "text-anchor": "middle" }, labels);
  for (const [labels, value, from, to] of points) {
    draw("line", { x1: x(labels), x2: x(labels), y1: y(from), y2: y(to), stroke: "#9bc3e0", "stroke-width": 4 });
    draw("circle", { cx: x(labels), cy: y(value), r: 3, fill: "#0072b2" });
  }
  draw("polyline", { points: points.map(([labels, value]) => `${x(labels)},${y(value)}`).join(" "), fill: "none",
    stroke: "#0072b2" });
  const box = make("div");
  box.append(make("div", words, "muted"), svg);
  return box;
}

export function render({ model, el }) {
  const root = make("div");
  let unfolded = true;
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
      ["learn", "learn from the verdicts"], ["help", "help"]]) {
      actions.append(button([`${text} `, ...key(facts.actions[action] ?? "")], { action }));
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

    if (facts.learnt?.length) {
      const learnt = make("details");
      learnt.open = unfolded;
      learnt.append(make("summary", "learnt"), ...facts.learnt.map((text) => make("div", text)));
      if (facts.curve) learnt.append(curve(facts.curve));
      learnt.addEventListener("toggle", () => { unfolded = learnt.open; });
      side.append(learnt);
    }

    const grid = make("div", undefined, "grid");
    grid.append(left, side);
    const notes = facts.notes.map((note) => make("div", note, "notes"));
    root.replaceChildren(...notes, title, grid);
    root.dataset.event = facts.event ?? "";
    root.dataset.reading = String(Boolean(facts.reading));
    root.id = "head";
    globalThis.seisbench_lcl_event = facts.event;
    globalThis.seisbench_lcl_heard = performance.now();
  };
  draw();
  model.on("facts", draw);
  model.send_msg({ hello: true });  // what changed while the page was loading may have been lost on the way
}
