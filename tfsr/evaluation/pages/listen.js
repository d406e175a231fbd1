"use strict";

const test = JSON.parse(document.getElementById("test").textContent);
const player = new Player();
const answers = []; // of trials that are over
let trial = null; // the one that is shown
let random = null;
let listener = "";
let order = [];

const TASKS = {
  mushra: "Rate each sound beside the reference, from 0 to 100. One of them is the reference itself.",
  abx: "X is either A or B. Say which.",
  ab: "Listen to A and B, and say which you prefer. The reference is what both were made from.",
};
const SCALE = ["Bad", "Poor", "Fair", "Good", "Excellent"];

const byId = (id) => document.getElementById(id);

/** An element with properties and children. */
function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Numbers in [0, 1) that follow from a text: FNV-1a, then the generator mulberry32. */
function generator(text) {
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) state = Math.imul(state ^ byte, 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled(list) {
  const rest = [...list];
  return list.map(() => rest.splice(Math.floor(random() * rest.length), 1)[0]);
}

function begin() {
  listener = byId("listener").value.trim();
  random = generator(`${test.seed} ${listener}`);
  order = shuffled(test.trials);
  byId("begin").hidden = true;
  showTrial();
}

/** Load and show the next trial; its sounds under their labels are the references and the judged. */
async function showTrial() {
  const { id, reference, stimuli } = order[answers.length];
  const judged = shuffled(stimuli).map((one, n) => ({ ...one, label: String.fromCharCode(65 + n) }));
  const asked = test.kind === "abx" ? judged[Math.floor(random() * 2)] : null;
  const sounds = asked
    ? [...judged, { label: "X", sound: asked.sound }]
    : [{ label: "Reference", sound: reference }, ...judged];
  trial = null;
  byId("trial").hidden = true;
  await player.load(sounds.map(({ sound }) => sound));
  trial = { id, judged, asked, sounds, heard: new Set(), given: new Map(), began: performance.now() };
  byId("heading").textContent = `Trial ${answers.length + 1} of ${order.length}`;
  drawAnswers();
  drawMissing();
  mark();
  byId("trial").hidden = false;
}

function drawAnswers() {
  const [first, second] = [byId("references"), byId("answers")];
  trial.buttons = trial.sounds.map(({ label }, index) =>
    element("button", { type: "button", onclick: () => hear(index) },
      element("kbd", { textContent: index + 1 }), ` ${label}`));
  if (test.kind === "mushra") {
    first.replaceChildren(trial.buttons[0]);
    const words = SCALE.map((word) => element("span", { textContent: word }));
    const head = element("div", { className: "rating" }, element("span"),
      element("div", { className: "scale" }, ...words));
    second.replaceChildren(head, ...trial.judged.map((stimulus, n) => ratingOf(stimulus, n + 1)));
  } else {
    first.replaceChildren(...trial.buttons);
    second.replaceChildren(element("div", { className: "options" }, ...options()));
  }
}

function ratingOf({ id, label }, index) {
  const output = element("output", { textContent: "–" });
  const slider = element("input", { type: "range", min: 0, max: 100, value: 0 });
  slider.setAttribute("aria-label", `Rating of ${label}`);
  const row = element("div", { className: "rating open" }, trial.buttons[index], slider, output);
  slider.oninput = () => {
    output.textContent = slider.value;
    row.className = "rating";
    answer(id, slider.valueAsNumber);
  };
  return row;
}

function options() {
  const given = trial.judged.map(({ id, label }) => [id, test.kind === "abx" ? `X is ${label}` : label]);
  if (test.noPreference) given.push(["", "No preference"]);
  return given.map(([id, text]) => {
    const radio = element("input", { type: "radio", name: "answer", value: id });
    radio.onchange = () => answer("choice", id);
    return element("label", {}, radio, ` ${text}`);
  });
}

function answer(what, value) {
  trial.given.set(what, value);
  drawMissing();
}

function hear(index) {
  if (index >= trial.sounds.length) return;
  player.choose(index);
  mark();
  player.play();
}

/** Show which sound is chosen. */
function mark() {
  trial.buttons.forEach((button, index) => {
    button.setAttribute("aria-pressed", index === player.chosen);
  });
}

/** Tell what is to be done before the next trial. */
function drawMissing() {
  const unheard = trial.sounds.filter((_, index) => !trial.heard.has(index));
  const answersWanted = test.kind === "mushra" ? trial.judged.length : 1;
  byId("next").disabled = unheard.length > 0 || trial.given.size < answersWanted;
  const words = [];
  if (unheard.length) words.push(`not heard yet: ${unheard.map(({ label }) => label).join(", ")}`);
  if (trial.given.size < answersWanted) words.push("not all answered");
  byId("missing").textContent = words.join("; ");
}

function next() {
  player.pause();
  const { id, judged, asked, given, began } = trial;
  answers.push({ id, judged, asked, given, seconds: (performance.now() - began) / 1000 });
  if (answers.length < order.length) showTrial();
  else end();
}

function end() {
  trial = null;
  byId("trial").hidden = true;
  byId("end").hidden = false;
  const file = new Blob([csv()], { type: "text/csv" });
  Object.assign(byId("save"), {
    href: URL.createObjectURL(file),
    download: `${test.kind}_${listener.replace(/[^\p{L}\p{N}]+/gu, "_")}.csv`,
    onclick: () => { window.onbeforeunload = null; },
  });
}

/** All answers; here ids become names. */
function csv() {
  const names = JSON.parse(new TextDecoder().decode(bytesOf(test.key)));
  const lines = answers.flatMap((done) => rows(done, names).map(([system, value]) =>
    [listener, names[done.id], test.kind, system, value, done.seconds.toFixed(1)]));
  // Spreadsheets take what begins so for a formula; `listening_scores` takes the quote away again.
  const plain = (cell) => cell.replace(/^(?=[=+\-@\t\r'])/, "'");
  const quoted = (cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  const head = ["listener", "trial", "kind", "system", "answer", "seconds"];
  return [head, ...lines].map((cells) => `${cells.map(String).map(plain).map(quoted).join(",")}\n`).join("");
}

/** [system, answer] of a trial: several ratings, or one choice. */
function rows({ judged, asked, given }, names) {
  if (test.kind === "mushra") return judged.map(({ id }) => [names[id], given.get(id)]);
  const choice = given.get("choice");
  const systems = judged.map(({ id }) => names[id]).sort();
  if (test.kind === "ab") return [[systems.join("|"), names[choice] ?? "none"]];
  return [[systems.filter((name) => name !== "reference")[0], choice === asked.id ? "right" : "wrong"]];
}

byId("task").textContent = TASKS[test.kind];
byId("begin").onsubmit = (event) => { event.preventDefault(); begin(); };
byId("next").onclick = next;
byId("repeat").checked = true;
window.onbeforeunload = (event) => { if (answers.length) event.preventDefault(); };
bindKeys(player, (index) => { if (trial) hear(index); });
bindTransport(player, () => {
  if (trial && player.playing && !trial.heard.has(player.chosen)) {
    trial.heard.add(player.chosen);
    drawMissing();
  }
});
