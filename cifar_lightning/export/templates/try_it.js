const PLACES = 16, MAP_BATCH = 64, MOST_BARS = 10, MOST_PIXELS = 2048 ** 2;
const DETAILS_AFTER_MS = 250, CAMERA_EVERY_MS = 200;
let sessions = [], base = new Uint8ClampedArray(size * size * 3).fill(255), seen = base, version = 0, stream = null;
let pen = { x: size / 2, y: size / 2 }, shown = false;

function fromBase64(text) { return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)); }
function percent(share) { return `${(100 * share).toFixed(share > 0.995 && share < 0.9995 ? 1 : 0)} %`; }
function pause(milliseconds) { return new Promise((resolve) => setTimeout(resolve, milliseconds)); }
function best(shares) { return shares.indexOf(Math.max(...shares)); }

// The probabilities of each image, (N, K). One call at a time: a session takes no second one meanwhile.
let queue = Promise.resolve();
function classify(net, images) {
  const batch = new Uint8Array(images.length * 3 * size * size), area = size * size;
  images.forEach((image, n) => { for (let i = 0; i < area; i++) for (let c = 0; c < 3; c++) batch[(3 * n + c) * area + i] = image[3 * i + c]; });
  const run = queue.then(() => sessions[net].run({ images: new ort.Tensor("uint8", batch, [images.length, 3, size, size]) }));
  queue = run.catch(() => {});
  return run.then(({ probabilities: { data } }) => images.map((_, n) => [...data.slice(n * classes.length, (n + 1) * classes.length)]));
}

async function update() {
  const mine = ++version;
  const [dx, dy, noise] = ["dx", "dy", "noise"].map((id) => Number(byId(id).value));
  for (const id of ["dx", "dy", "noise"]) byId(`${id}-value`).value = byId(id).value;
  seen = addNoise(shift(base, dx, dy), noise, 0);
  drawSeen();
  if (!shown || !sessions.length) return;
  const answers = [];
  for (const net of names.keys()) {
    const [shares] = await classify(net, [seen]);
    if (mine !== version) return;
    showBars(net, shares);
    answers.push(shares);
  }
  document.body.dataset.answers = JSON.stringify(answers);
  // While the camera films, the next image comes sooner than details would.
  if (!stream) await pause(DETAILS_AFTER_MS);
  if (mine !== version) return;
  const said = answers.map((shares, net) => `${names[net]}: ${classes[best(shares)]} (${percent(Math.max(...shares))})`);
  const agree = new Set(answers.map(best)).size === 1;
  byId("answer").textContent = said.join(", ") + (names.length === 1 ? "" : agree ? ". They agree." : ". They disagree.");
  document.body.classList.toggle("filming", Boolean(stream));
  if (stream) return;
  for (const net of names.keys()) {
    await showMap(net, answers[net], mine);
    if (mine === version) await showKept(net, mine);
  }
  if (mine === version) document.body.dataset.done = mine;
}

function showBars(net, shares) {
  const order = [...classes.keys()];
  if (order.length > MOST_BARS) order.sort((a, b) => shares[b] - shares[a]).splice(MOST_BARS);
  byId(`bars-${net}`).replaceChildren(...order.map((k) => {
    const row = document.createElement("li");
    const [name, bar, share] = ["name", "bar", "share"].map((kind) => Object.assign(document.createElement("span"), { className: kind }));
    name.textContent = classes[k];
    share.textContent = percent(shares[k]);
    bar.append(Object.assign(document.createElement("i"), { style: `width: ${100 * shares[k]}%` }));
    row.classList.toggle("best", k === best(shares));
    row.append(name, bar, share);
    return row;
  }));
}

async function showMap(net, shares, mine) {
  const winner = best(shares), step = size / PLACES, losses = [];
  const covered = Array.from({ length: PLACES ** 2 }, (_, n) => [n % PLACES, Math.floor(n / PLACES)]
    .map((place) => Math.round((place + 0.5) * step))).map(([x, y]) => cover(seen, x, y));
  for (let n = 0; n < covered.length; n += MAP_BATCH) {
    const answers = await classify(net, covered.slice(n, n + MAP_BATCH));
    losses.push(...answers.map((answer) => Math.max(0, shares[winner] - answer[winner])));
    await pause(0);
    if (mine !== version) return;
  }
  const map = byId(`map-${net}`), context = map.getContext("2d"), cells = new ImageData(PLACES, PLACES);
  losses.forEach((loss, n) => cells.data.set([224, 84, 0, 230 * Math.min(1, loss)], 4 * n));
  context.imageSmoothingEnabled = false;
  context.filter = "grayscale(1)";
  context.drawImage(byId("seen"), 0, 0, map.width, map.height);
  context.filter = "none";
  context.imageSmoothingEnabled = true;
  context.drawImage(toCanvas(cells), 0, 0, map.width, map.height);
  const most = Math.max(...losses);
  const points = Math.round(100 * most);
  byId(`where-${net}`).textContent = `Covering ${PATCH}×${PATCH} pixels costs “${classes[winner]}” up to ${points} point${points === 1 ? "" : "s"}.`;
  map.setAttribute("aria-label", `Occlusion map of ${names[net]}: ${byId(`where-${net}`).textContent}`);
}

async function showKept(net, mine) {
  const moved = [1, 2, 3, 4].flatMap((k) => [-k, 0, k].flatMap((dx) => [-k, 0, k].map((dy) => [dx, dy]))).filter(([dx, dy]) => dx || dy);
  const noisy = [8, 16, 32].flatMap((level) => [0, 1, 2, 3, 4].map((seed) => addNoise(base, level, seed)));
  const [plain, ...answers] = (await classify(net, [base, ...moved.map(([dx, dy]) => shift(base, dx, dy)), ...noisy])).map(best);
  if (mine !== version) return;
  const kept = answers.map((answer) => answer === plain), count = (part) => part.filter(Boolean).length;
  byId(`kept-${net}`).textContent = `Undisturbed it says “${classes[plain]}”. Moved by 1 to 4 pixels it still does in ${count(kept.slice(0, moved.length))} of ${moved.length} cases, with noise of 8 to 32 grey levels in ${count(kept.slice(moved.length))} of ${noisy.length}.`;
}

function toCanvas(data) {
  const canvas = Object.assign(document.createElement("canvas"), { width: data.width, height: data.height });
  canvas.getContext("2d").putImageData(data, 0, 0);
  return canvas;
}

function toImageData(image) {
  const data = new ImageData(size, size);
  for (let i = 0; i < size * size; i++) data.data.set([image[3 * i], image[3 * i + 1], image[3 * i + 2], 255], 4 * i);
  return data;
}

function drawSeen() {
  const context = byId("seen").getContext("2d");
  context.putImageData(toImageData(seen), 0, 0);
  if (document.activeElement === byId("seen")) {
    context.strokeStyle = byId("colour").value;
    context.strokeRect(pen.x - 1.5, pen.y - 1.5, 4, 4);
  }
}

function take(image) {
  base = image;
  shown = true;
  byId("message").textContent = "";
  return update();
}

async function takeFile(file) {
  stopCamera();
  try {
    const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
    const shrink = Math.min(1, Math.sqrt(MOST_PIXELS / (bitmap.width * bitmap.height)));
    takePart(bitmap, 0, 0, bitmap.width, bitmap.height, Math.ceil(bitmap.width * shrink), Math.ceil(bitmap.height * shrink));
  } catch {
    byId("message").textContent = `Expected an image, such as a PNG, JPEG or WebP file, but “${file.name}” is none; choose another one.`;
    update();
  }
}

function takePart(source, x, y, width, height, columns, rows) {
  const context = Object.assign(document.createElement("canvas"), { width: columns, height: rows }).getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, columns, rows);
  context.drawImage(source, x, y, width, height, 0, 0, columns, rows);
  return take(squeeze(context.getImageData(0, 0, columns, rows).data, columns, rows));
}

async function startCamera() {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    video.srcObject = stream;
    await video.play();
  } catch (error) {
    stopCamera();
    byId("message").textContent = `Expected a camera that this page may use, but the browser gives none (${error.name}); choose or drop an image.`;
    return;
  }
  press("camera", true, "Hold this image");
  while (stream) {
    const side = Math.min(video.videoWidth, video.videoHeight);
    takePart(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 8 * size, 8 * size);
    await pause(CAMERA_EVERY_MS);
  }
}

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  press("camera", false, "Camera");
}

function press(id, pressed, text) {
  byId(id).setAttribute("aria-pressed", pressed);
  byId(id).textContent = text;
}

function setDrawing(drawing) {
  const canvas = byId("seen");
  stopCamera();
  press("draw", drawing, "Draw");
  for (const element of [document.querySelector(".colour"), byId("blank")]) element.hidden = !drawing;
  canvas.classList.toggle("drawing", drawing);
  canvas.tabIndex = drawing ? 0 : -1;
  canvas.setAttribute("role", drawing ? "application" : "img");
  canvas.setAttribute("aria-label", drawing ? "Drawing sheet: arrow keys move the pen, Space paints" : "What the nets see");
  if (drawing) { take(base); canvas.focus(); }
}

function isDrawing() { return byId("draw").getAttribute("aria-pressed") === "true"; }

function paint() {
  const rgb = [1, 3, 5].map((at) => parseInt(byId("colour").value.slice(at, at + 2), 16));
  const [dx, dy] = ["dx", "dy"].map((id) => Number(byId(id).value));
  for (let y = pen.y - 1; y <= pen.y + 1; y++) for (let x = pen.x - 1; x <= pen.x + 1; x++)
    if (x - dx >= 0 && x - dx < size && y - dy >= 0 && y - dy < size) base.set(rgb, 3 * ((y - dy) * size + x - dx));
  take(base);
}

function showSamples() {
  byId("samples").append(...samples.map((sample) => {
    const image = new Uint8ClampedArray(fromBase64(sample.pixels)), button = document.createElement("button");
    button.setAttribute("aria-label", `A test image: ${sample.class}`);
    button.title = sample.class;
    button.append(toCanvas(toImageData(image)));
    button.onclick = () => { stopCamera(); take(image.slice()); };
    return button;
  }));
}

function listen() {
  for (const id of ["dx", "dy", "noise"]) byId(id).oninput = update;
  byId("file").onchange = ({ target }) => { if (target.files.length) takeFile(target.files[0]); target.value = ""; };
  byId("camera").onclick = () => { if (stream) { stopCamera(); update(); } else { setDrawing(false); startCamera(); } };
  byId("draw").onclick = () => setDrawing(!isDrawing());
  byId("blank").onclick = () => take(new Uint8ClampedArray(size * size * 3).fill(255));
  document.ondragover = (event) => { event.preventDefault(); document.body.classList.add("over"); };
  document.ondragleave = () => document.body.classList.remove("over");
  document.ondrop = (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    if (event.dataTransfer.files.length) takeFile(event.dataTransfer.files[0]);
  };
  document.onpaste = ({ clipboardData }) => { if (clipboardData.files.length) takeFile(clipboardData.files[0]); };
  const canvas = byId("seen");
  canvas.onpointerdown = canvas.onpointermove = (event) => {
    if (!isDrawing() || !event.buttons) return;
    const box = canvas.getBoundingClientRect();
    pen = { x: Math.floor(((event.clientX - box.left) / box.width) * size), y: Math.floor(((event.clientY - box.top) / box.height) * size) };
    paint();
  };
  canvas.onkeydown = (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!isDrawing() || !(move || event.key === " ")) return;
    event.preventDefault();
    if (move) pen = { x: Math.min(size - 1, Math.max(0, pen.x + move[0])), y: Math.min(size - 1, Math.max(0, pen.y + move[1])) };
    if (move) drawSeen(); else paint();
  };
  canvas.onfocus = canvas.onblur = drawSeen;
}

listen();
showSamples();
try {
  const packed = new Blob([fromBase64(byId("wasm").textContent)]).stream().pipeThrough(new DecompressionStream("gzip"));
  ort.env.wasm.wasmBinary = await new Response(packed).arrayBuffer();
  ort.env.wasm.numThreads = 1;
  for (const net of nets) sessions.push(await ort.InferenceSession.create(fromBase64(net)));
  byId("answer").textContent = "";
  byId("samples").querySelector("button").click();
} catch (error) {
  byId("answer").textContent = `Expected a browser that runs WebAssembly, but this one does not (${error.message}); try a newer one.`;
}
