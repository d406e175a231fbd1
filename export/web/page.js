/** The page: what is given, what is shown and heard. Computing is the worker's. */

/* global Player, bindTransport, bindKeys */

import { Microphone, decode, wav } from "./sound.js";
import { draw } from "./spectrogram.js";

const PRESETS = {
  "telephony-8k-16k": "calls, 8 to 16 kHz, frame by frame",
  "speech-16k-x2": "speech, 8 to 16 kHz",
  "speech-48k-x3": "speech, 16 to 48 kHz",
  "speech-16k-x4": "speech, 4 to 16 kHz",
};

// A browser holds all of a recording in memory, several times.
const LONGEST_MINUTES = 30;

// What that has at 96 kHz, with two channels of 32 bits and a cover. Larger files are not even read.
const MOST_BYTES = LONGEST_MINUTES * 60 * 96_000 * 8 + 20e6;

const [presets, drop, file, microphone, status, doing, share, cancel, result, ground, wipe, facts,
  save] = ["presets", "drop", "file", "microphone", "status", "doing", "share", "cancel", "result",
  "ground", "wipe", "facts", "save"].map((id) => document.getElementById(id));
const choices = [...document.querySelectorAll("input[name=choice]")];
const player = new Player();
const worker = new Worker("worker.js");
const waiting = new Map(); // id -> {resolve, reject}
const told = { problem: "", done: "", note: "" }; // lines of the status
let given = 0; // the number of what was given last; what was given before is passed over
let asked = 0; // and of what the worker was asked last
let decoding = null; // the name of a file
let widening = null; // {name, signal, rate, channels}, while the worker computes
let recording = null; // the last one, which is widened once more where the preset changes
let made = null; // what the worker made
let listening = null; // the open microphone

worker.onmessage = ({ data }) => {
  if (data.id !== asked) return;
  if ("share" in data) share.value = data.share;
  else if ("problem" in data) waiting.get(data.id).reject(new Error(data.problem));
  else waiting.get(data.id).resolve(data);
};
worker.onerror = () => {
  widening = null;
  tell({ problem: "The worker cannot start; run npm ci in the page's folder" });
};

function ask(id, message) {
  waiting.clear();
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, ...message });
  });
}

/** What goes on; a problem and a note stay until something else is given. */
function tell(changed) {
  const { problem, done, note } = Object.assign(told, changed);
  const now = [decoding && `Decoding ${decoding} …`, widening && `Widening ${widening.name} …`];
  const busy = now.some(Boolean);
  status.textContent = [problem, ...(busy ? now : [done]), note].filter(Boolean).join("\n");
  status.classList.toggle("problem", problem !== "");
  doing.hidden = !busy;
  if (!widening) share.removeAttribute("value"); // nobody knows how long decoding takes
}

/** Do something that may fail: the message of an error is for the user. */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    tell({ problem: error.message, done: "" });
  }
}

function chosenPreset() {
  return presets.querySelector("input:checked").value;
}

/** The first one of files. What is being widened goes on until this one is decoded. */
async function take(files) {
  if (!files.length) return;
  const [{ name }] = files;
  const id = ++given;
  decoding = name;
  const note = files.length > 1 ? `${files.length} files were given; ${name} is the first` : "";
  tell({ problem: "", done: "", note });
  try {
    const sound = await read(files[0]);
    if (id !== given) return;
    decoding = null;
    compute(sound);
  } catch (error) {
    if (id !== given) return;
    decoding = null;
    tell({ problem: error.message });
  }
}

async function read(file) {
  if (file.size > MOST_BYTES) {
    throw new Error(`${file.name}: has ${(file.size / 1e9).toPrecision(2)} GB, more than ` +
      `${LONGEST_MINUTES} minutes have; tfsr upsample takes any length`);
  }
  return checked({ name: file.name, ...await decode(await file.arrayBuffer(), file.name) });
}

function checked(sound) {
  const { name, signal, rate } = sound;
  if (!signal.length) throw new Error(`${name}: holds no sound`);
  if (signal.length > 60 * LONGEST_MINUTES * rate) {
    throw new Error(`${name}: lasts ${Math.ceil(signal.length / rate / 60)} minutes, and this page ` +
      `takes ${LONGEST_MINUTES}; tfsr upsample takes any length`);
  }
  return sound;
}

/** Widen and show; what the worker was asked before is passed over. */
async function compute(sound) {
  if (!sound) return;
  const id = ++asked;
  recording = widening = sound;
  player.pause();
  tell({ problem: "", done: "" });
  share.value = 0;
  try {
    const { signal, rate } = sound;
    const { made: answer } = await ask(id, { preset: chosenPreset(), signal, rate });
    await show(id, sound, answer);
  } catch (error) {
    if (id !== asked) return;
    widening = null;
    tell({ problem: error.message });
  }
}

/** End what goes on. The recording stays, for another preset. */
function stop() {
  given++;
  worker.postMessage({ id: ++asked });
  decoding = widening = null;
  tell({ problem: "", done: "Cancelled: give a recording, or choose another preset", note: "" });
}

async function show(id, sound, answer) {
  const sounds = [answer.before, answer.after];
  const files = sounds.map((signal) => wav(signal, answer.rate));
  const buffers = files.map((bytes) => player.context.decodeAudioData(bytes.slice(0)));
  const decoded = await Promise.all(buffers);
  if (id !== asked) return;
  player.pause();
  player.buffers = decoded;
  player.seek(0);
  made = { ...answer, file: files[1], name: sound.name };
  const top = answer.spectrograms[1].loudest;
  ["left", "right"].forEach((id, k) =>
    draw(document.getElementById(id), answer.spectrograms[k], top));
  const seconds = answer.after.length / answer.rate;
  drawTicks("khz", answer.rate / 2000, "bottom");
  drawTicks("seconds", seconds, "left");
  list({
    Recording: `${seconds.toFixed(2)} s, decoded at ${sound.rate} Hz` +
      (sound.channels > 1 ? `, ${sound.channels} channels averaged` : ""),
    Before: `what the network gets, ${answer.lowRate} Hz`,
    After: `what it makes, ${answer.rate} Hz`,
    Speed: speed(answer),
  });
  result.hidden = false;
  choose(1);
  widening = null;
  tell({ done: `${sound.name} is ready` });
}

/** The middle of all times for a frame or piece, and how much faster than the sound that is. */
function speed({ milliseconds, seconds }) {
  const sorted = [...milliseconds].sort((a, b) => a - b);
  const share = sorted[Math.floor(sorted.length / 2)] / (1000 * seconds);
  return `${short(10 * share)} ms for 10 ms of sound, ${short(1 / share)} times as fast as it plays`;
}

function short(number) {
  return number < 10 ? number.toPrecision(2) : Math.round(number);
}

/** Round numbers along a side, some six of them. */
function drawTicks(id, end, side) {
  const rough = end / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * power).find((size) => size >= rough);
  const ticks = Array.from({ length: Math.floor(end / step) + 1 }, (_, k) => {
    const tick = document.createElement("span");
    tick.style[side] = `${(100 * k * step) / end}%`;
    tick.textContent = Number((k * step).toPrecision(6));
    return tick;
  });
  document.getElementById(id).replaceChildren(...ticks);
}

function list(rows) {
  facts.replaceChildren(...Object.entries(rows).flatMap((row) =>
    ["dt", "dd"].map((kind, k) => Object.assign(document.createElement(kind),
      { textContent: row[k] }))));
}

/** Let one of both be heard. */
function choose(index) {
  if (index >= choices.length || !made) return;
  choices[index].checked = true;
  player.choose(index);
}

async function toggleMicrophone() {
  if (listening) {
    await stopListening("");
    return;
  }
  microphone.disabled = true; // while the browser asks
  const full = `This page records ${LONGEST_MINUTES} minutes; what was said later is not in it`;
  const stopFull = () => attempt(() => stopListening(full));
  const opened = Microphone.open(60 * LONGEST_MINUTES, stopFull);
  listening = await opened.finally(() => { microphone.disabled = false; });
  microphone.textContent = "Stop";
  microphone.setAttribute("aria-pressed", true);
  tell({ problem: "", done: "Speak; nothing is sent anywhere", note: "" });
}

async function stopListening(note) {
  if (!listening) return;
  const heard = listening;
  listening = null;
  microphone.textContent = "Use the microphone";
  microphone.setAttribute("aria-pressed", false);
  const id = ++given;
  decoding = null;
  const sound = await heard.stop();
  if (id !== given) return;
  tell({ note });
  await compute(checked({ name: "microphone", ...sound }));
}

function download() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([made.file], { type: "audio/wav" }));
  link.download = `${made.name.replace(/\.[^.]*$/, "")}.tfsr.wav`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Those whose models are there. */
async function offerPresets() {
  const built = await (await fetch("models/presets.json")).json();
  const offered = Object.keys(PRESETS).filter((preset) => built.includes(preset));
  for (const preset of offered) {
    const label = document.createElement("label");
    const checked = preset === offered[0];
    const radio = { type: "radio", name: "preset", value: preset, checked };
    label.append(Object.assign(document.createElement("input"), radio), ` ${PRESETS[preset]}`);
    presets.append(label);
  }
  presets.onchange = () => compute(recording);
}

file.onchange = () => {
  const files = [...file.files];
  file.value = ""; // so that the same file may be chosen again
  take(files);
};
cancel.onclick = stop;
microphone.onclick = () => attempt(toggleMicrophone);
save.onclick = download;
choices.forEach((choice, index) => { choice.onchange = () => choose(index); });
wipe.oninput = () => ground.style.setProperty("--wiped", `${wipe.value}%`);
ground.onclick = (event) => {
  const box = ground.getBoundingClientRect();
  player.seek((player.duration * (event.clientX - box.left)) / box.width);
};
for (const [kind, over] of [["dragover", true], ["dragleave", false], ["drop", false]]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault(); // the browser would open the file in place of the page
    drop.classList.toggle("over", over);
    if (kind === "drop") take([...event.dataTransfer.files]);
  });
}
wipe.oninput();
await attempt(async () => {
  document.getElementById("player").innerHTML = await (await fetch("lib/transport.html")).text();
  bindTransport(player, (at) => { document.getElementById("playhead").style.left = `${100 * at}%`; });
  bindKeys(player, choose);
  await offerPresets();
  tell({ done: "Ready: give a recording" });
});
