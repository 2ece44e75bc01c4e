// What a card loads when it is seen: what the methods were given, and the curves along its clips, under one playhead.
const waiting = new Map(); // sample → what to do with its part
window.cmetPart = (i, part) => waiting.get(i)?.(part);
function loadPart(i, done) {
  if (!data.parts) return done(null, "No curves: this run was judged before they were kept.");
  const script = make("script");
  script.src = "series/" + i + ".js";
  waiting.set(i, (part) => done(part, ""));
  script.addEventListener("load", () => script.remove());
  script.addEventListener("error", () => {
    script.remove();
    done(null, "No curves: series/" + i + ".js is not beside the page.");
  });
  document.head.append(script);
}

const voice = new Audio(); // one at a time
function listen(words, address) {
  const button = make("button", "▶ " + words);
  button.type = "button";
  button.addEventListener("click", () => {
    const same = voice.dataset.of === address;
    if (same && !voice.paused) return voice.pause();
    if (!same) voice.src = address;
    voice.dataset.of = address;
    voice.play().catch(() => { button.textContent = words + " is not here any more"; });
  });
  return button;
}
function seen(tag, words, address) {
  const box = make("figure", null, "seen"), picture = make(tag);
  picture.src = address;
  if (tag === "img") picture.alt = words;
  else {
    Object.assign(picture, { muted: true, loop: true, playsInline: true, preload: "metadata" });
    picture.setAttribute("aria-label", words);
    picture.addEventListener("click", () => (picture.paused ? picture.play() : picture.pause()));
  }
  picture.addEventListener("error", () => box.replaceChildren(make("figcaption", words + " is not here any more")), { once: true });
  box.append(picture, make("figcaption", words));
  return box;
}
function givenOf(one) {
  const box = make("div", null, "given");
  box.append(make("h4", "Given, lane " + one.lane));
  if (one.picture) box.append(seen("img", "source picture", one.picture));
  if (one.image) box.append(seen("img", "emotional face", one.image));
  if (one.clip) box.append(seen("video", "emotional clip", one.clip));
  const rest = make("div", null, "heard");
  if (one.label) rest.append(make("p", "emotion: " + one.label));
  if (one.sound) rest.append(listen("driving sound", one.sound));
  one.speech.forEach((address, n) => rest.append(listen("emotional speech " + (n + 1) + " of " + one.utterances, address)));
  box.append(rest);
  return box;
}

const SVG = "http://www.w3.org/2000/svg", WIDE = 1000, HIGH = 90;
const WORDS = {
  distance: "Distance of mouth and sound in each window, at the shift that fits best (lower is better)",
  cosine: "Likeness to the reference face in each sampled frame (higher is better)",
};
const secondsOf = (curve, n) => ((curve.frames ? curve.frames[n] : curve.first + n * curve.step) + 0.5) * FRAME_SECONDS;
const lengthOf = (curve) => curve.values[0].length;
function draw1(name, attributes) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
function pathOf(curve, values, across, down) {
  let pen = "M", path = "";
  values.forEach((value, n) => {
    if (value === null) pen = "M";
    else {
      path += pen + across(secondsOf(curve, n)).toFixed(1) + " " + down(value).toFixed(1);
      pen = "L";
    }
  });
  return path;
}
function at(curve, time) { // the place of the sampled frame that is on screen
  let best = 0;
  for (let n = 0; n < lengthOf(curve); n++) if (secondsOf(curve, n) <= time + FRAME_SECONDS / 2) best = n;
  return best;
}
function chart(row, curves, title, emotion) { // curves of one metric, one a method
  const box = make("figure", null, "curve"), head = make("figcaption", title), names = curves[0].names;
  const svg = draw1("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": title });
  const legend = make("ul"), ends = [make("span"), make("span")], needle = draw1("line", { y1: 0, y2: HIGH, class: "needle" });
  const frame = make("div", null, "frame"), axis = make("div", null, "axis");
  axis.append(...ends);
  frame.append(axis, svg);
  box.append(head, frame, legend);
  let picked = Math.max(0, names.indexOf(emotion));
  if (names.length > 1) {
    const select = make("select");
    select.setAttribute("aria-label", "whose probability is drawn");
    options(select, names.map((name, n) => [n, name]));
    select.value = picked;
    select.addEventListener("change", () => { picked = Number(select.value); drawn(); });
    head.append(" of ", select);
  }
  const end = () => Math.max(row.duration, ...curves.map((curve) => secondsOf(curve, lengthOf(curve) - 1)));
  const across = (time) => time / end() * WIDE;
  const lines = curves.map((curve) => {
    const line = make("li"), look = "s" + curve.k % 8 + " d" + Math.floor(curve.k / 8 + curve.k) % 3;
    const key = draw1("svg", { viewBox: "0 0 22 8", class: "key " + look, "aria-hidden": "true" });
    key.append(draw1("path", { d: "M0 4L22 4" }));
    const value = make("output");
    line.append(key, data.methods[curve.k] + " ", value);
    legend.append(line);
    return { curve, look, value };
  });
  function drawn() {
    const all = curves.flatMap((curve) => curve.values[picked]).filter((value) => value !== null);
    const share = names.length > 1, low = share ? 0 : Math.min(...all), high = share ? 1 : Math.max(...all);
    const down = (value) => HIGH - 4 - (value - low) / (high - low || 1) * (HIGH - 8);
    ends[0].textContent = high.toPrecision(3).replace(/^1\.00$/, "1");
    ends[1].textContent = low.toPrecision(3).replace(/^0\.00$/, "0");
    svg.replaceChildren(...lines.map(({ curve, look }) => draw1("path", { d: pathOf(curve, curve.values[picked], across, down), class: look })), needle);
    box.drawnFor = end();
    move();
  }
  function reading(curve) {
    const n = at(curve, row.time), value = curve.values[picked][n];
    if (names.length === 1) return value === null ? "–" : value.toPrecision(3);
    const top = names.map((name, c) => [curve.values[c][n], name]).sort((a, b) => b[0] - a[0])[0];
    return (value ?? 0).toFixed(2) + (top[1] === names[picked] ? "" : ", sees " + top[1] + " " + top[0].toFixed(2));
  }
  function move() {
    const x = across(row.time);
    needle.setAttribute("x1", x);
    needle.setAttribute("x2", x);
    for (const { curve, value } of lines) value.textContent = reading(curve);
  }
  svg.addEventListener("click", (event) => {
    const { left, width } = svg.getBoundingClientRect();
    row.seek((event.clientX - left) / width * end());
  });
  drawn();
  return { box, watch: () => (box.drawnFor === end() ? move() : drawn()) };
}
function curvesOf(row, part, i) { // the figures, and what moves their playheads
  const groups = new Map();
  for (const curve of part.curves) groups.set(curve.m, [...(groups.get(curve.m) || []), curve]);
  return [...groups].map(([m, curves]) => {
    const title = data.metrics[m].title, names = curves[0].names;
    const words = names.length > 1 ? title + ": probability in each sampled frame" : title + ". " + (WORDS[names[0]] || names[0]);
    return chart(row, curves, words, sampleFacts.emotion[i]);
  });
}
function opened(card, row, watchers, shownMethods) { // once, when a card is first seen
  const i = Number(card.dataset.i), box = make("div", null, "along");
  card.append(box);
  loadPart(i, (part, why) => {
    if (part) part.curves = part.curves.filter((curve) => shownMethods.includes(curve.k)).sort((a, b) => a.m - b.m || a.k - b.k);
    const lanes = part ? part.given.filter((one, n, all) => all.findIndex((other) => other.lane === one.lane) === n) : [];
    box.append(...lanes.map(givenOf));
    if (!row || !part || !part.curves.length) box.append(make("p", why || "No curves: this sample was judged before they were kept, or its judges keep none.", "nothing"));
    else for (const { box: figure, watch } of curvesOf(row, part, i)) {
      box.append(figure);
      watchers.push(watch);
    }
  });
}
