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

const [presets, drop, file, microphone, status, share, result, ground, wipe, facts, save] =
  ["presets", "drop", "file", "microphone", "status", "share", "result", "ground", "wipe", "facts",
    "save"].map((id) => document.getElementById(id));
const choices = [...document.querySelectorAll("input[name=choice]")];
const player = new Player();
const worker = new Worker("worker.js");
const waiting = new Map(); // id -> {resolve, reject}
let asked = 0; // the number of what was asked last; what was asked before is passed over
let recording = null; // {name, signal, rate, channels}
let made = null; // what the worker made of it
let listening = null; // the open microphone

worker.onmessage = ({ data }) => {
  if (data.id !== asked) return;
  if ("share" in data) share.value = data.share;
  else if ("problem" in data) waiting.get(data.id).reject(new Error(data.problem));
  else waiting.get(data.id).resolve(data);
};
worker.onerror = () => tell("The worker cannot start; run npm ci in the page's folder", true);

function ask(message) {
  const id = ++asked;
  waiting.clear();
  return new Promise((resolve, reject) => {
    waiting.set(id, { resolve, reject });
    worker.postMessage({ id, ...message });
  });
}

function tell(text, problem = false) {
  status.textContent = text;
  status.classList.toggle("problem", problem);
  share.hidden = true;
}

/** Do something that may fail: the message of an error is for the user. */
async function attempt(action) {
  try {
    await action();
  } catch (error) {
    tell(error.message, true);
  }
}

function chosenPreset() {
  return presets.querySelector("input:checked").value;
}

async function take(given) {
  if (!given) return;
  const id = ++asked;
  tell(`Decoding ${given.name} …`);
  const sound = await decode(await given.arrayBuffer(), given.name);
  if (id === asked) await widen({ name: given.name, ...sound });
}

async function widen(given) {
  const minutes = given.signal.length / given.rate / 60;
  if (!given.signal.length) throw new Error(`${given.name}: holds no sound`);
  if (minutes > LONGEST_MINUTES) {
    throw new Error(`${given.name}: lasts ${Math.round(minutes)} minutes, and this page takes ` +
      `${LONGEST_MINUTES}; tfsr upsample takes any length`);
  }
  recording = given;
  await compute();
}

async function compute() {
  if (!recording) return;
  const { name, signal, rate } = recording;
  player.pause();
  tell(`Widening ${name} …`);
  share.value = 0;
  share.hidden = false;
  const answer = await ask({ preset: chosenPreset(), signal, rate });
  await show(answer);
}

async function show({ id, made: answer }) {
  const sounds = [answer.before, answer.after];
  const files = sounds.map((sound) => wav(sound, answer.rate));
  const buffers = files.map((bytes) => player.context.decodeAudioData(bytes.slice(0)));
  const decoded = await Promise.all(buffers);
  if (id !== asked) return;
  player.pause();
  player.buffers = decoded;
  player.seek(0);
  made = { ...answer, file: files[1], name: recording.name };
  const top = answer.spectrograms[1].loudest;
  ["left", "right"].forEach((id, k) =>
    draw(document.getElementById(id), answer.spectrograms[k], top));
  const seconds = answer.after.length / answer.rate;
  drawTicks("khz", answer.rate / 2000, "bottom");
  drawTicks("seconds", seconds, "left");
  list({
    Recording: `${seconds.toFixed(2)} s, decoded at ${recording.rate} Hz` +
      (recording.channels > 1 ? `, ${recording.channels} channels averaged` : ""),
    Before: `what the network gets, ${answer.lowRate} Hz`,
    After: `what it makes, ${answer.rate} Hz`,
    Speed: speed(answer),
  });
  result.hidden = false;
  choose(1);
  tell(`${recording.name} is ready`);
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
  if (!listening) {
    microphone.disabled = true; // while the browser asks
    listening = await Microphone.open().finally(() => { microphone.disabled = false; });
    microphone.textContent = "Stop";
    microphone.setAttribute("aria-pressed", true);
    tell("Speak; nothing is sent anywhere");
    return;
  }
  const heard = listening;
  listening = null;
  microphone.textContent = "Use the microphone";
  microphone.setAttribute("aria-pressed", false);
  await widen({ name: "microphone", ...await heard.stop() });
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
  presets.onchange = () => attempt(compute);
}

file.onchange = () => attempt(() => take(file.files[0]));
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
    if (kind === "drop") attempt(() => take(event.dataTransfer.files[0]));
  });
}
wipe.oninput();
await attempt(async () => {
  document.getElementById("player").innerHTML = await (await fetch("lib/transport.html")).text();
  bindTransport(player, (at) => { document.getElementById("playhead").style.left = `${100 * at}%`; });
  bindKeys(player, choose);
  await offerPresets();
  tell("Ready: give a recording");
});
