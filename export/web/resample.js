/**
 * Signals at other rates.
 *
 * An OfflineAudioContext does not suffice: Chromium renders other rates without a low-pass, so that
 * a tone of 6 kHz is heard at 2 kHz, as loud as before, once the rate is 8 kHz.
 */

// A sinc under a Kaiser window: whole up to 0.9 of the lower Nyquist frequency, 80 dB down at 1.
const CROSSINGS = 48;
const KAISER_BETA = 7.86;
const CUTOFF = 0.95;

/** A signal at `from` Hz, at `to` Hz; both are whole numbers. */
export function resample(signal, from, to) {
  if (from === to) return signal;
  const divisor = greatestCommonDivisor(from, to);
  const [up, down] = [to / divisor, from / divisor];
  const scale = CUTOFF * Math.min(1, to / from);
  const reach = Math.ceil(CROSSINGS / scale);
  const kernels = Array.from({ length: up }, (_, phase) => kernel(phase / up, scale, reach));
  const padded = new Float32Array(signal.length + 2 * reach);
  padded.set(signal, reach);
  const made = new Float32Array(Math.ceil((signal.length * to) / from));
  for (let k = 0; k < made.length; k++) {
    const place = Math.floor((k * down) / up);
    const taps = kernels[(k * down) % up];
    let sum = 0;
    for (let tap = 0; tap < taps.length; tap++) sum += taps[tap] * padded[place + tap + 1];
    made[k] = sum;
  }
  return made;
}

/** Taps for a place between two samples, from `reach - 1` samples before the first of them on. */
function kernel(fraction, scale, reach) {
  const taps = Float32Array.from({ length: 2 * reach }, (_, tap) => {
    const x = tap + 1 - reach - fraction;
    const share = Math.max(0, 1 - (x / reach) ** 2);
    return scale * sinc(scale * x) * bessel(KAISER_BETA * Math.sqrt(share)) / bessel(KAISER_BETA);
  });
  const sum = taps.reduce((total, tap) => total + tap, 0);
  return taps.map((tap) => tap / sum);
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** The modified Bessel function of the first kind, of order 0. */
function bessel(x) {
  let [sum, term] = [1, 1];
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a, b) {
  return b ? greatestCommonDivisor(b, a % b) : a;
}
