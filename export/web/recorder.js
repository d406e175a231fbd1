/** Hands on what comes in, channels averaged. */
class Recorder extends AudioWorkletProcessor {
  process([channels]) {
    if (channels.length) {
      const mean = (_, k) => channels.reduce((sum, x) => sum + x[k], 0) / channels.length;
      this.port.postMessage(channels[0].map(mean));
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
