"use strict";

/**
 * Plays sounds of one length all at once and lets one of them be heard, so that choosing another
 * keeps the place to the sample.
 */
class Player {
  constructor() {
    this.context = new AudioContext();
    this.output = this.context.createGain();
    this.output.connect(this.context.destination);
    this.buffers = [];
    this.chosen = 0;
    this.onplay = () => {};
  }

  #loop = false;
  #running = []; // {source, gain} of each sound while it plays
  #offset = 0; // seconds into the sounds at which they started, or stand
  #startedAt = 0; // of the context's clock

  /** Take other sounds, data URLs of audio files, and stand at their beginning. */
  async load(urls) {
    const decoded = urls.map((url) => this.context.decodeAudioData(bytesOf(url)));
    const buffers = await Promise.all(decoded);
    this.pause();
    this.buffers = buffers;
    this.#offset = 0;
    this.chosen = 0;
  }

  get duration() {
    return Math.min(...this.buffers.map((buffer) => buffer.duration));
  }

  get playing() {
    return this.#running.length > 0;
  }

  /** Seconds from the beginning. */
  get position() {
    if (!this.playing) return this.#offset;
    const now = this.#offset + this.context.currentTime - this.#startedAt;
    return this.#loop ? now % this.duration : Math.min(now, this.duration);
  }

  get loop() {
    return this.#loop;
  }

  set loop(value) {
    const { playing, position } = this;
    this.pause();
    this.#loop = value;
    this.#offset = position;
    if (playing) this.#start();
  }

  async play() {
    await this.context.resume();
    if (this.playing || !this.buffers.length) return;
    this.onplay();
    this.#start();
  }

  pause() {
    this.#offset = this.position;
    for (const { source } of this.#running) {
      source.onended = null;
      source.stop();
      source.disconnect();
    }
    this.#running = [];
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  seek(seconds) {
    const { playing } = this;
    this.pause();
    this.#offset = seconds;
    if (playing) this.#start();
  }

  /** Let another one of the sounds be heard. */
  choose(index) {
    this.chosen = index;
    this.#running.forEach(({ gain }, each) => {
      // Faded within some milliseconds, so that it does not click.
      gain.gain.setTargetAtTime(each === index ? 1 : 0, this.context.currentTime, 0.003);
    });
  }

  #start() {
    this.#running = this.buffers.map((buffer, index) => {
      const source = new AudioBufferSourceNode(this.context, {
        buffer, loop: this.#loop, loopEnd: this.duration,
      });
      const gain = new GainNode(this.context, { gain: index === this.chosen ? 1 : 0 });
      source.connect(gain).connect(this.output);
      return { source, gain };
    });
    this.#startedAt = this.context.currentTime;
    for (const { source } of this.#running) source.start(this.#startedAt, this.#offset);
    this.#running[0].source.onended = () => {
      this.pause();
      this.#offset = 0;
    };
  }
}

/** Connect a player with the elements of transport.html; `draw(share)` is told where it stands. */
function bindTransport(player, draw = () => {}) {
  const [play, position, time, repeat] =
    ["play", "position", "time", "repeat"].map((id) => document.getElementById(id));
  play.onclick = () => player.toggle();
  position.oninput = () => player.seek(position.valueAsNumber * player.duration);
  repeat.onchange = () => { player.loop = repeat.checked; };
  player.loop = repeat.checked;

  function frame() {
    if (player.buffers.length) {
      const share = player.position / player.duration;
      play.textContent = player.playing ? "Pause" : "Play";
      position.value = share;
      time.textContent = `${player.position.toFixed(2)} of ${player.duration.toFixed(2)} s`;
      draw(share);
    }
    requestAnimationFrame(frame);
  }
  frame();
}

const USES_SPACE = "button, audio, input[type=checkbox], input[type=radio]:not(:checked)";

/** Space plays and pauses; `choose(n)` is called for the key of a digit, 0 for the first. */
function bindKeys(player, choose) {
  document.addEventListener("keydown", (event) => {
    const writes = event.target.matches("input[type=text]");
    if (writes || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " && !event.target.matches(USES_SPACE)) {
      event.preventDefault();
      player.toggle();
    } else if (/^[1-9]$/.test(event.key)) {
      choose(Number(event.key) - 1);
    }
  });
}

/** The content of a base64 data URL; asks nobody, as fetch might. */
function bytesOf(url) {
  return Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (c) => c.charCodeAt(0)).buffer;
}
