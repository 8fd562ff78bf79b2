// The explorer: trained decoders, multiplied out here. No library, no request.
"use strict";
function bytesOf(text) {
  const found = atob(text), bytes = new Uint8Array(found.length);
  for (let i = 0; i < found.length; i++) bytes[i] = found.charCodeAt(i);
  return bytes;
}

// IEEE 754 half precision, little-endian.
function halves(text) {
  const bits = new Uint16Array(bytesOf(text).buffer), values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const exponent = (bits[i] >> 10) & 31, fraction = bits[i] & 1023;
    const size = exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24;
    values[i] = bits[i] & 32768 ? -size : size;
  }
  return values;
}

function unpacked(layer) {
  const weight = new Int8Array(bytesOf(layer.weight).buffer);
  return { ...layer, weight, scale: halves(layer.scale), bias: halves(layer.bias) };
}

// Pixels in [0, 1] of a code: each layer is weight x scale + bias, then its activation.
function decode(layers, code) {
  let values = Float32Array.from(code);
  for (const { rows, columns, weight, scale, bias, activation } of layers) {
    const next = new Float32Array(rows);
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let column = 0, at = row * columns; column < columns; column++, at++)
        sum += weight[at] * values[column];
      sum = sum * scale[row] + bias[row];
      if (activation === "relu") sum = Math.max(sum, 0);
      if (activation === "sigmoid") sum = 1 / (1 + Math.exp(-sum));
      next[row] = sum;
    }
    values = next;
  }
  return values.map(value => Math.min(Math.max(value, 0), 1));
}

function paint(canvas, pixels, left = 0) {
  const side = Math.round(Math.sqrt(pixels.length));
  const context = canvas.getContext("2d"), image = context.createImageData(side, side);
  pixels.forEach((value, i) => image.data.set([255 * value, 255 * value, 255 * value, 255], 4 * i));
  context.putImageData(image, left, 0);
}

function explorePlane(box, data, layers) {
  const plane = box.querySelector(".plane"), context = plane.getContext("2d");
  const codes = new Int16Array(bytesOf(data.codes).buffer), classes = bytesOf(data.classes);
  const sliders = [...box.querySelectorAll("input")];
  const side = plane.width, digit = box.querySelector(".digit");
  digit.width = digit.height = Math.round(Math.sqrt(layers.at(-1).rows));
  // Each digit stands in the middle of its codes.
  const middles = new Map();
  for (const digit of new Set(classes)) {
    const own = [...classes.keys()].filter(i => classes[i] === digit);
    middles.set(digit, [0, 1].map(axis => {
      const sorted = own.map(i => codes[2 * i + axis] / 32767).sort((a, b) => a - b);
      return sorted[sorted.length >> 1];
    }));
  }
  function outlined(text, x, y) {
    context.lineWidth = 4;
    context.strokeStyle = "white";
    context.strokeText(text, x * side, (1 - y) * side + 5);
    context.fillStyle = "black";
    context.fillText(text, x * side, (1 - y) * side + 5);
  }
  function show() {
    const shares = sliders.map(slider => slider.value / 1000);
    const code = shares.map((share, i) => data.low[i] + share * (data.high[i] - data.low[i]));
    paint(digit, decode(layers, code));
    context.clearRect(0, 0, side, side);
    let nearest = 0, least = Infinity;
    for (let i = 0; i < classes.length; i++) {
      const [x, y] = [codes[2 * i] / 32767, codes[2 * i + 1] / 32767];
      const apart = (x - shares[0]) ** 2 + (y - shares[1]) ** 2;
      if (apart < least) [nearest, least] = [i, apart];
      context.fillStyle = data.colours[classes[i]];
      context.fillRect(x * side - 1, (1 - y) * side - 1, 2, 2);
    }
    // Cluster heads: black crosses with a white rim.
    for (const [colour, width] of [["white", 6], ["black", 3]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      for (const [x, y] of data.heads || []) {
        context.beginPath();
        context.moveTo(x * side - 6, (1 - y) * side);
        context.lineTo(x * side + 6, (1 - y) * side);
        context.moveTo(x * side, (1 - y) * side - 6);
        context.lineTo(x * side, (1 - y) * side + 6);
        context.stroke();
      }
    }
    context.font = "bold 14px system-ui, sans-serif";
    context.textAlign = "center";
    const above = data.heads ? 0.045 : 0; // of its head
    for (const [digit, [x, y]] of middles.entries()) outlined(digit, x, y + above);
    context.strokeStyle = getComputedStyle(box).color;
    context.lineWidth = 2;
    const [x, y] = [shares[0] * side, (1 - shares[1]) * side];
    context.strokeRect(x - 6, y - 6, 12, 12);
    box.querySelector(".place").textContent =
      `Code (${code.map(v => v.toFixed(2)).join(", ")}); the nearest code is of a ${classes[nearest]}.`;
  }
  for (const kind of ["pointerdown", "pointermove"]) plane.addEventListener(kind, event => {
    const frame = plane.getBoundingClientRect();
    sliders[0].value = 1000 * (event.clientX - frame.left) / frame.width;
    sliders[1].value = 1000 * (1 - (event.clientY - frame.top) / frame.height);
    show();
  });
  for (const slider of sliders) slider.addEventListener("input", show);
  show();
}

function normal() { // a sum of twelve is nearly normal
  let sum = -6;
  for (let i = 0; i < 12; i++) sum += Math.random();
  return sum;
}

// With labels, a column for each; without, columns from the sliders' style to another.
function exploreStyles(box, data, layers) {
  const canvas = box.querySelector(".digits"), sliders = [...box.querySelectorAll("input")];
  const side = Math.round(Math.sqrt(layers.at(-1).rows));
  let other = sliders.map((_, i) => data.std * (i % 2 ? -1 : 1));
  canvas.width = data.columns * side;
  canvas.height = side;
  function show() {
    const style = sliders.map(slider => data.std * slider.value / 10);
    for (let column = 0; column < data.columns; column++) {
      const label = Array.from({ length: data.labels }, (_, k) => Number(k === column));
      const share = data.labels ? 0 : column / (data.columns - 1);
      const mixed = style.map((value, i) => (1 - share) * value + share * other[i]);
      paint(canvas, decode(layers, [...label, ...mixed]), column * side);
    }
  }
  for (const slider of sliders) slider.addEventListener("input", show);
  box.querySelector("button").addEventListener("click", () => {
    for (const slider of sliders) slider.value = 10 * normal();
    other = other.map(() => data.std * normal());
    show();
  });
  show();
}

// Not before it is seen: to multiply out takes a moment.
const waiting = new IntersectionObserver(entries => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    waiting.unobserve(target);
    const data = JSON.parse(document.querySelector(`[data-for="${target.id}"]`).textContent);
    ("codes" in data ? explorePlane : exploreStyles)(target, data, data.layers.map(unpacked));
    target.dataset.ready = "true";
  }
}, { rootMargin: "400px" });
for (const box of document.querySelectorAll(".explorer")) waiting.observe(box);
