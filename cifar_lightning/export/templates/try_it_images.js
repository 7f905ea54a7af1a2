const byId = (id) => document.getElementById(id);
const { names, nets, classes, size, grey, samples } = JSON.parse(byId("data").textContent);
const PATCH = 2 * Math.round(size / 8);

// What is done to an image before a net sees it. Images are Uint8ClampedArray (S, S, 3), S = `size`.

// The same pixels as `predict` gives its nets: Pillow's bilinear filter after a reduction by whole numbers.
function squeeze(pixels, width, height) {
  const byX = Math.max(1, Math.floor(width / size / 3)), byY = Math.max(1, Math.floor(height / size / 3));
  const columns = Math.ceil(width / byX), rows = Math.ceil(height / byY);
  const reduced = new Uint8ClampedArray(columns * rows * 3);
  for (let y = 0; y < rows; y++) for (let x = 0; x < columns; x++) for (let c = 0; c < 3; c++) {
    const right = Math.min(width, (x + 1) * byX), low = Math.min(height, (y + 1) * byY);
    let sum = 0;
    for (let j = y * byY; j < low; j++) for (let i = x * byX; i < right; i++) sum += pixels[4 * (j * width + i) + c];
    reduced[3 * (y * columns + x) + c] = Math.floor(sum / ((right - x * byX) * (low - y * byY)) + 0.5);
  }
  const across = triangles(width / byX, columns), down = triangles(height / byY, rows);
  const narrow = new Uint8ClampedArray(size * rows * 3), image = new Uint8ClampedArray(size * size * 3);
  for (let y = 0; y < rows; y++) for (let x = 0; x < size; x++) for (let c = 0; c < 3; c++)
    narrow[3 * (y * size + x) + c] = weigh(across[x], (i) => reduced[3 * (y * columns + i) + c]);
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) for (let c = 0; c < 3; c++)
    image[3 * (y * size + x) + c] = weigh(down[y], (j) => narrow[3 * (j * size + x) + c]);
  return image;
}

function triangles(extent, count) {
  const scale = extent / size, reach = Math.max(scale, 1);
  return Array.from({ length: size }, (_, place) => {
    const centre = (place + 0.5) * scale;
    const from = Math.max(0, Math.trunc(centre - reach + 0.5)), to = Math.min(count, Math.trunc(centre + reach + 0.5));
    const weights = Array.from({ length: to - from }, (_, i) => Math.max(0, 1 - Math.abs((from + i - centre + 0.5) / reach)));
    return { from, weights, sum: weights.reduce((sum, weight) => sum + weight, 0) };
  });
}

function weigh({ from, weights, sum }, at) {
  return weights.reduce((total, weight, i) => total + weight * at(from + i), 0) / sum;
}

// As the probes of `test`: what comes in is reflected at the border.
function shift(image, dx, dy) {
  const reflect = (place) => size - 1 - Math.abs(size - 1 - Math.abs(place));
  const moved = new Uint8ClampedArray(image.length);
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++) for (let c = 0; c < 3; c++)
    moved[3 * (y * size + x) + c] = image[3 * (reflect(y - dy) * size + reflect(x - dx)) + c];
  return moved;
}

function addNoise(image, level, seed) {
  let state = seed + 1;
  const uniform = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0, (state + 1) / 4294967297);
  for (let i = 0; i < 10; i++) uniform();
  // Clamped arrays round and clip.
  return image.map((value) => value + level * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()));
}

function cover(image, x, y) {
  const covered = image.slice();
  for (let j = Math.max(0, y - PATCH / 2); j < Math.min(size, y + PATCH / 2); j++)
    for (let i = Math.max(0, x - PATCH / 2); i < Math.min(size, x + PATCH / 2); i++) covered.set(grey, 3 * (j * size + i));
  return covered;
}
