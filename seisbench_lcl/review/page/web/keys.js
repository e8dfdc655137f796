// Keys, sound, short messages, and the help. Events cross shadow DOM, so the true target is composedPath()[0].
const PATIENCE = 4000;  // ms until a server that does not answer counts as stopped

function make(tag, text, name) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  if (name) element.className = name;
  return element;
}

export function render({ model, el }) {
  const facts = JSON.parse(model.facts);
  const known = new Set(facts.keys);
  const once = new Set(facts.once);
  const help = make("div", undefined, "help");
  help.hidden = true;
  help.setAttribute("role", "dialog");
  const card = make("div");
  const table = make("table");
  for (const [key, text] of facts.help) {
    const row = make("tr");
    const cell = make("td");
    cell.append(make("kbd", key));
    row.append(cell, make("td", text));
    table.append(row);
  }
  card.append(make("h3", "Keys"), table, make("p", "Everything works with the mouse as well. Escape closes this.", "muted"));
  help.append(card);
  help.addEventListener("click", () => { help.hidden = true; });
  const message = make("div", "", "message");
  message.hidden = true;
  message.setAttribute("role", "status");
  el.append(help, message);
  const answered = new Set(facts.answered);
  let fading = null;
  let waiting = null;
  let sound = null;

  const tell = (text, trouble) => {
    message.textContent = text;
    message.className = trouble ? "message trouble" : "message";
    message.hidden = false;
    clearTimeout(fading);
    fading = setTimeout(() => { message.hidden = true; }, trouble ? 8000 : 2500);
  };
  const press = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const target = event.composedPath()[0];
    const tag = target?.tagName ?? "";
    if (event.key === "Escape") {
      help.hidden = true;
      target?.blur?.();
      return;
    }
    if (["INPUT", "SELECT", "TEXTAREA"].includes(tag) && target.type !== "checkbox") return;
    if (["BUTTON", "INPUT"].includes(tag) && ["Enter", " "].includes(event.key)) return;  // reached by Tab
    if (!known.has(event.key)) return;
    event.preventDefault();
    if (event.repeat && once.has(event.key)) return;  // a key held down is one verdict
    const pressed = performance.now();
    model.send_msg({ key: event.key, event: globalThis.seisbench_lcl_event ?? null });
    if (!answered.has(event.key)) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      if ((globalThis.seisbench_lcl_heard ?? 0) < pressed) {
        tell("no answer from the server: if it has stopped, start it again and reload this page. "
          + "The last key may not be recorded, all before it are", true);
      }
    }, PATIENCE);
  };
  document.addEventListener("keydown", press);
  model.on("msg:custom", (told) => {
    globalThis.seisbench_lcl_heard = performance.now();
    if (told.help) help.hidden = !help.hidden;
    if (told.wav) {
      sound?.pause();
      sound = new Audio(`data:audio/wav;base64,${told.wav}`);
      sound.play().then(() => { message.dataset.played = "yes"; }, (error) => { message.dataset.played = String(error); });
    }
    if (told.text) tell(told.text, told.trouble);
  });
  return () => document.removeEventListener("keydown", press);
}
