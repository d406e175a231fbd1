/** Spectrograms as `tfsr compare` draws them: frames of about 32 ms, 80 dB of levels. */

export const RANGE_DB = 80;
const WINDOW_SECONDS = 0.032;
const COLUMNS = 1200;
// Of a long recording a column shows the mean of so many frames at most.
const FRAMES = 4;
// Of matplotlib's "magma", at equal distances.
const COLOURS = ["000004", "180f3e", "451077", "721f81", "9f2f7f", "cd4071", "f1605d", "fd9567",
  "feca8d", "fcfdbf"].map((hex) => [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16)));

/** Levels in dB: {columns, bins, levels: [columns * bins], loudest}. */
export function spectrogram(signal, rate) {
  const size = 2 ** Math.round(Math.log2(WINDOW_SECONDS * rate));
  const bins = size / 2 + 1;
  const hops = Math.max(1, Math.ceil((4 * signal.length) / size));
  const columns = Math.min(COLUMNS, hops);
  const each = Math.min(FRAMES, Math.ceil(hops / columns));
  const window = Float64Array.from({ length: size },
    (_, k) => Math.sin((Math.PI * (k + 0.5)) / size) ** 2);
  const levels = new Float32Array(columns * bins);
  let loudest = -Infinity;
  for (let column = 0; column < columns; column++) {
    const power = new Float64Array(bins);
    for (let frame = 0; frame < each; frame++) {
      const middle = (signal.length * (column + (frame + 0.5) / each)) / columns;
      addPower(power, signal, Math.round(middle - size / 2), window);
    }
    for (let bin = 0; bin < bins; bin++) {
      const level = 10 * Math.log10(Math.max(power[bin] / each, 1e-20));
      levels[column * bins + bin] = level;
      loudest = Math.max(loudest, level);
    }
  }
  return { columns, bins, levels, loudest };
}

/** Draw it on a canvas; `top` dB is the brightest colour. */
export function draw(canvas, { columns, bins, levels }, top) {
  canvas.width = columns;
  canvas.height = bins;
  const picture = new ImageData(columns, bins);
  for (let column = 0; column < columns; column++) {
    for (let bin = 0; bin < bins; bin++) {
      const share = (levels[column * bins + bin] - top) / RANGE_DB + 1;
      picture.data.set(colour(share), 4 * ((bins - 1 - bin) * columns + column));
    }
  }
  canvas.getContext("2d").putImageData(picture, 0, 0);
}

function colour(share) {
  const place = Math.min(Math.max(share, 0), 1) * (COLOURS.length - 1);
  const below = Math.min(Math.floor(place), COLOURS.length - 2);
  const mixed = COLOURS[below].map((c, k) => c + (place - below) * (COLOURS[below + 1][k] - c));
  return [...mixed, 255];
}

function addPower(power, signal, start, window) {
  const real = window.map((weight, k) => weight * (signal[start + k] ?? 0));
  const imaginary = new Float64Array(window.length);
  transform(real, imaginary);
  for (let bin = 0; bin < power.length; bin++) power[bin] += real[bin] ** 2 + imaginary[bin] ** 2;
}

/** The fast Fourier transform, in place; the length is a power of two. */
function transform(real, imaginary) {
  const size = real.length;
  for (let k = 1, mirrored = 0; k < size; k++) {
    let bit = size >> 1;
    for (; mirrored & bit; bit >>= 1) mirrored ^= bit;
    mirrored ^= bit;
    if (k < mirrored) {
      [real[k], real[mirrored]] = [real[mirrored], real[k]];
      [imaginary[k], imaginary[mirrored]] = [imaginary[mirrored], imaginary[k]];
    }
  }
  for (let half = 1; half < size; half *= 2) {
    for (let offset = 0; offset < half; offset++) {
      const angle = (-Math.PI * offset) / half;
      const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
      for (let a = offset; a < size; a += 2 * half) {
        const b = a + half;
        const x = real[b] * cosine - imaginary[b] * sine;
        const y = real[b] * sine + imaginary[b] * cosine;
        [real[b], imaginary[b]] = [real[a] - x, imaginary[a] - y];
        [real[a], imaginary[a]] = [real[a] + x, imaginary[a] + y];
      }
    }
  }
}
