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

// Usual rates have fewer. Of more, such as the 8000 from 47,999 to 8000 Hz, so many are made, and what
// lies between two is interpolated: that is exact to 1.2e-6, far below what the window lets pass.
const MOST_KERNELS = 1024;

/** A signal at `from` Hz, at `to` Hz; both are whole numbers. */
export function resample(signal, from, to) {
  if (from === to) return signal;
  const divisor = greatestCommonDivisor(from, to);
  const [up, down] = [to / divisor, from / divisor];
  const scale = CUTOFF * Math.min(1, to / from);
  const reach = Math.ceil(CROSSINGS / scale);
  const count = Math.min(up, MOST_KERNELS);
  const kernels = Array.from({ length: count + 1 }, (_, n) => kernel(n / count, scale, reach));
  const padded = new Float32Array(signal.length + 2 * reach);
  padded.set(signal, reach);
  const made = new Float32Array(Math.ceil((signal.length * to) / from));
  for (let k = 0; k < made.length; k++) {
    const place = Math.floor((k * down) / up);
    const among = (((k * down) % up) / up) * count; // a whole number, unless some are left out
    const below = count === up ? Math.round(among) : Math.floor(among);
    made[k] = weighted(padded, place + 1, kernels[below]);
    if (count < up) {
      const next = weighted(padded, place + 1, kernels[below + 1]);
      made[k] += (among - below) * (next - made[k]);
    }
  }
  return made;
}

function weighted(samples, first, taps) {
  let sum = 0;
  for (let tap = 0; tap < taps.length; tap++) sum += taps[tap] * samples[first + tap];
  return sum;
}

/** Taps for a place between two samples, from `reach - 1` samples before the first of them on. */
function kernel(fraction, scale, reach) {
  const taps = Float32Array.from({ length: 2 * reach }, (_, tap) => {
    const x = tap + 1 - reach - fraction;
    const share = Math.max(0, 1 - (x / reach) ** 2);
    return sinc(scale * x) * bessel(KAISER_BETA * Math.sqrt(share));
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
