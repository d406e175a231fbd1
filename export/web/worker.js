/**
 * Computes, beside the page, so that the page answers meanwhile.
 *
 * Takes {id, preset} and answers {id, properties}; takes {id, preset, signal, rate} and answers
 * {id, share} now and then and {id, made} at last; {id, problem} where that fails. What is asked
 * later ends what was asked before; {id} alone ends it, and has no answer. A classic worker: LiteRT.js calls importScripts.
 */

"use strict";

// How long to compute before the page is told, and may ask for something else.
const TELL_MS = 100;

let modules = null; // promises of what is loaded once
let opened = {}; // {preset, known}, the last one; known is a promise of {properties, model}
let latest = 0;

self.onmessage = async ({ data: { id, preset, signal, rate } }) => {
  latest = id;
  if (!preset) return;
  try {
    const known = await open(preset);
    if (id !== latest) return; // another model may have taken the place of this one
    if (!signal) postMessage({ id, properties: known.properties });
    else postMessage({ id, made: await widen(id, known, signal, rate) });
  } catch (error) {
    postMessage({ id, problem: error.message ?? String(error) });
  }
};

/** The model of a preset, ready to run, and what it tells of itself; the one before goes. */
function open(preset) {
  if (opened.preset === preset) return opened.known;
  const known = compile(preset, opened.known);
  opened = { preset, known };
  known.catch(() => { if (opened.known === known) opened = {}; }); // so that it can be tried again
  return known;
}

async function compile(preset, before) {
  modules ??= load();
  const { litert } = await modules;
  (await before?.catch(() => null))?.model.delete();
  const answer = await fetch(`models/${preset}.tflite`);
  if (!answer.ok) throw new Error(`models/${preset}.tflite is not there; run npm ci in the page's folder`);
  const file = new Uint8Array(await answer.arrayBuffer());
  const properties = propertiesOf(file, preset);
  const model = await litert.loadAndCompile(file, { accelerator: "wasm" });
  return { properties, model };
}

async function load() {
  self.Module = { locateFile: (name) => `lib/${name}`, printErr };
  const [litert, { resample }, { spectrogram }] = await Promise.all(
    ["./lib/litert.js", "./resample.js", "./spectrogram.js"].map((path) => import(path)));
  try {
    await litert.loadLiteRt("lib/");
  } catch (error) {
    throw new Error(`This browser cannot run LiteRT.js; use one of 2023 or later (${error})`);
  }
  return { litert, resample, spectrogram };
}

/** LiteRT reports all as errors, of which most are not. */
function printErr(line) {
  if (/^(ERROR|FATAL)/.test(line)) console.error(line);
}

function propertiesOf(file, preset) {
  const text = new TextDecoder("latin1").decode(file);
  const found = text.match(/\{"tfsr": .*?"sha256": "[0-9a-f]{64}"\}/s);
  if (!found) throw new Error(`models/${preset}.tflite is no file of tfsr's; export it again`);
  const properties = JSON.parse(found[0]);
  if (!properties.samples && properties.latency_ms === null) {
    throw new Error(`models/${preset}.tflite takes any length; export it with --samples`);
  }
  return properties;
}

/** Both signals at the output rate, their spectrograms, and how long each piece took. */
async function widen(id, { model, properties }, signal, rate) {
  const { litert, resample, spectrogram } = await modules;
  const low = resample(signal, rate, properties.input_rate);
  const how = properties.samples ? inPieces : inFrames;
  const milliseconds = [];
  let told = performance.now();

  async function timed(compute, share) {
    const start = performance.now();
    const made = await compute();
    milliseconds.push(performance.now() - start);
    if (performance.now() > told + TELL_MS) {
      postMessage({ id, share });
      await new Promise((resolve) => setTimeout(resolve));
      if (id !== latest) throw new Error("Something else was asked");
      told = performance.now();
    }
    return made;
  }

  const after = await how(litert, model, properties, low, timed);
  const before = resample(low, properties.input_rate, properties.output_rate);
  const seconds = (properties.samples ?? properties.hop) / properties.input_rate;
  const spectrograms = [before, after].map((x) => spectrogram(x, properties.output_rate));
  const rates = { lowRate: properties.input_rate, rate: properties.output_rate };
  return { before, after, ...rates, spectrograms, milliseconds, seconds };
}

/** With a model for streams, each frame with the state that the frame before left. */
async function inFrames(litert, model, { hop, ratio, output_rate, latency_ms }, low, timed) {
  const late = Math.round((latency_ms * output_rate) / 1000) - hop * ratio;
  const frames = Math.ceil((low.length + late / ratio) / hop);
  const high = new Float32Array(frames * hop * ratio);
  const stream = new litert.Tensor(new Int32Array(1), [1]);
  let state = await model.run("initial_state", { stream });
  stream.delete();
  try {
    for (let frame = 0; frame < frames; frame++) {
      const samples = padded(low, frame * hop, hop);
      const made = await timed(() => step(litert, model, samples, state), frame / frames);
      high.set(made.samples, frame * hop * ratio);
      state = made.state;
    }
  } finally {
    for (const tensor of Object.values(state)) tensor.delete();
  }
  return high.slice(late, late + ratio * low.length);
}

async function step(litert, model, samples, state) {
  const audio = new litert.Tensor(samples, [1, samples.length]);
  const { audio: made, ...next } = await model.run("step", { audio, ...state });
  for (const tensor of [audio, ...Object.values(state)]) tensor.delete();
  const high = made.toTypedArray();
  made.delete();
  return { samples: high, state: next };
}

/**
 * With a model of one length, for LiteRT.js cannot resize.
 *
 * Pieces overlap by the receptive field on both sides, which is thrown away; the first begins and
 * the last ends with the recording. So they equal the whole, unless that is shorter than a piece.
 */
async function inPieces(litert, model, properties, low, timed) {
  const { samples, ratio, hop, receptive_field } = properties;
  const reach = wholeHops(receptive_field, hop);
  const end = Math.max(wholeHops(low.length, hop), samples);
  const high = new Float32Array(ratio * end);
  for (let done = 0; done < low.length;) {
    const first = Math.min(Math.max(done - reach, 0), end - samples);
    const piece = padded(low, first, samples);
    const made = await timed(() => whole(litert, model, piece), done / low.length);
    const stop = first + samples === end ? end : first + samples - reach;
    high.set(made.subarray(ratio * (done - first), ratio * (stop - first)), ratio * done);
    done = stop;
  }
  return high.slice(0, ratio * low.length);
}

async function whole(litert, model, piece) {
  const audio = new litert.Tensor(piece, [1, piece.length]);
  const [made] = await model.run([audio]);
  const high = made.toTypedArray();
  audio.delete();
  made.delete();
  return high;
}

function wholeHops(samples, hop) {
  return Math.ceil(samples / hop) * hop;
}

/** So many samples from a place on, silence where there are none. */
function padded(signal, start, length) {
  const part = new Float32Array(length);
  part.set(signal.subarray(start, start + length));
  return part;
}
