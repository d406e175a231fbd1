/** Recordings in and out: files, the microphone, and WAV. */

// Of files that do not tell their rate where we look for it.
const USUAL_RATE = 48000;

// What all browsers decode at.
const [LOWEST_RATE, HIGHEST_RATE] = [8000, 96000];

/**
 * A file's samples, channels averaged: {signal, rate}.
 *
 * A browser decodes at one rate whatever the file's is, so that rate is read from the header.
 */
export async function decode(bytes, name) {
  const told = rateOf(new DataView(bytes)) ?? USUAL_RATE;
  const rate = Math.min(Math.max(told, LOWEST_RATE), HIGHEST_RATE);
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes.slice(0));
  } catch {
    throw new Error(`${name}: this browser cannot decode it; give WAV, FLAC, MP3, M4A or Ogg`);
  }
  const channels = Array.from({ length: buffer.numberOfChannels },
    (_, channel) => buffer.getChannelData(channel));
  return { signal: average(channels), rate, channels: channels.length };
}

export function average(channels) {
  if (channels.length === 1) return channels[0].slice();
  return channels[0].map((_, k) => channels.reduce((sum, x) => sum + x[k], 0) / channels.length);
}

/** Hz, as WAV and FLAC headers tell it; null of others. */
function rateOf(view) {
  if (view.byteLength < 44) return null;
  if (word(view, 0) === "fLaC") return view.getUint32(18) >>> 12;
  if (word(view, 0) !== "RIFF" || word(view, 8) !== "WAVE") return null;
  for (let at = 12; at + 16 <= view.byteLength;) {
    if (word(view, at) === "fmt ") return view.getUint32(at + 12, true);
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size % 2); // a chunk of odd size is padded
  }
  return null;
}

function word(view, at) {
  return String.fromCharCode(...new Uint8Array(view.buffer, at, 4));
}

/** A WAV file of 16 bits; what goes beyond [-1, 1] is clipped. */
export function wav(signal, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * signal.length));
  const size = 2 * signal.length;
  [..."RIFF    WAVEfmt     "].forEach((letter, at) => view.setUint8(at, letter.charCodeAt(0)));
  view.setUint32(4, 36 + size, true);
  view.setUint32(16, 16, true); // bytes of what follows: PCM, one channel
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  [..."data"].forEach((letter, at) => view.setUint8(36 + at, letter.charCodeAt(0)));
  view.setUint32(40, size, true);
  signal.forEach((value, k) => {
    view.setInt16(44 + 2 * k, Math.min(Math.max(Math.round(32768 * value), -32768), 32767), true);
  });
  return view.buffer;
}

/** Records what the microphone hears, until `stop`. */
export class Microphone {
  #blocks = [];
  #length = 0; // samples in all blocks
  #most = Infinity;

  /**
   * Asks the user; throws an Error that tells what to do, where there is no microphone.
   *
   * After `longest` seconds `onfull` is called, once; what is heard later is left out.
   */
  static async open(longest, onfull) {
    if (!navigator.mediaDevices) {
      throw new Error("A page hears the microphone on localhost or by https alone; open it there");
    }
    const microphone = new Microphone();
    try {
      // As it is: what browsers do for calls would change what the network gets.
      const wanted = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
      microphone.stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    } catch (error) {
      throw new Error(error.name === "NotFoundError"
        ? "There is no microphone; connect one, or give a file"
        : "The microphone is not allowed; allow it in the browser's settings, or give a file");
    }
    try {
      await microphone.#connect(longest, onfull);
    } catch (error) {
      await microphone.#close(); // or the browser would go on to show that it listens
      throw new Error(`The microphone cannot be recorded; load the page again (${error.message})`);
    }
    return microphone;
  }

  async #connect(longest, onfull) {
    this.context = new AudioContext();
    await this.context.audioWorklet.addModule("recorder.js");
    this.#most = Math.floor(longest * this.rate);
    const recorder = new AudioWorkletNode(this.context, "recorder", { numberOfOutputs: 0 });
    recorder.port.onmessage = ({ data }) => {
      const full = this.#length >= this.#most;
      this.#blocks.push(data);
      this.#length += data.length;
      if (!full && this.#length >= this.#most) onfull();
    };
    this.context.createMediaStreamSource(this.stream).connect(recorder);
  }

  async #close() {
    for (const track of this.stream.getTracks()) track.stop();
    await this.context?.close();
  }

  get rate() {
    return this.context.sampleRate;
  }

  /** What was heard, {signal, rate}. */
  async stop() {
    const { rate } = this;
    await this.#close();
    const signal = new Float32Array(Math.min(this.#length, this.#most));
    let end = 0;
    for (const block of this.#blocks) {
      signal.set(block.subarray(0, signal.length - end), end);
      end = Math.min(end + block.length, signal.length);
    }
    return { signal, rate, channels: 1 };
  }
}
