// The cards: one a sample, eight at a time, each with its row of players.
const PAGE = 8;
const rows = new WeakMap(); // card → its transport
let state = { show: [] }, matches = [], first = 0;
const cards = by("cards");

const near = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) {
    if (target.preload === "none") target.preload = "metadata"; // the first frame, once it is about to be seen
    near.unobserve(target);
  }
}, { rootMargin: "300px" });

const onSight = new WeakMap(); // card → what happens when it is first seen
const sight = new IntersectionObserver((entries) => {
  for (const { isIntersecting, target } of entries) if (isIntersecting) {
    sight.unobserve(target);
    onSight.get(target)();
  }
}, { rootMargin: "200px" });

function numbersOf(i, k) {
  const list = make("dl"), about = metricOf(state);
  const heads = data.metrics.some((metric) => metric.head && metric.numbers);
  data.metrics.forEach((metric, m) => {
    const found = column(m, k)[i];
    if (found === undefined || !(state.all || m === about || !heads || metric.head)) return;
    const told = make("dd", shown(found, metric), (isNumber(found) ? "" : "why") + (m === about ? " about" : ""));
    if (isReason(found)) told.title = sentences.get(found) || found;
    list.append(make("dt", metric.short, m === about ? "about" : ""), told);
    const judge = answers(m, k);
    if (judge && judge.read[i] !== undefined && isNumber(found)) told.title = "taken for " + judge.read[i];
  });
  return list;
}
function lost(i, k) { // why there is no clip, as its rows say it
  const codes = places(data.metrics.length).map((m) => column(m, k)[i]).filter(isReason);
  return codes.length ? "no clip: " + (sentences.get(codes[0]) || codes[0]) : "no clip";
}
function player(i, k) {
  const box = make("div", null, "player"), clip = clipOf(i, k);
  if (clip) {
    const video = make("video");
    Object.assign(video, { preload: "none", playsInline: true, src: clip, muted: true });
    video.setAttribute("aria-label", data.methods[k] + ", " + data.ids[i]);
    video.addEventListener("error", () => { video.hidden = true; video.after(make("div", "this clip is not beside the page any more", "none")); }, { once: true });
    video.addEventListener("click", () => rows.get(box.closest(".card")).toggle());
    near.observe(video);
    box.append(video);
  } else {
    box.append(make("div", lost(i, k), "none"));
  }
  box.append(make("h4", data.methods[k]), numbersOf(i, k));
  return box;
}
function head(i) {
  const top = make("div", null, "head"), title = make("h3"), link = make("a", data.ids[i]);
  link.href = address({ ...state, sample: data.ids[i], t: "" });
  title.append(link);
  top.append(title, make("p", ["dataset", "emotion", "identity"].map((name) => sampleFacts[name][i]).filter(Boolean).join(" · ")));
  return top;
}
function draw(i) {
  const card = make("article", null, "card"), players = make("div", null, "players");
  const methods = places(data.methods.length).filter((k) => !state.show.length || state.show.includes(data.methods[k]));
  players.append(...methods.map((k) => player(i, k)));
  card.tabIndex = -1;
  card.dataset.i = i;
  card.append(head(i), players);
  const videos = [...players.querySelectorAll("video")], watchers = [];
  if (videos.length) {
    const row = transport(videos, (one) => watchers.forEach((watch) => watch(one)));
    const made = controls(row, methods.filter((k) => clipOf(i, k)).map((k) => data.methods[k]));
    watchers.push(made.draw, remembered(card));
    players.after(made.bar);
    rows.set(card, row);
    made.draw();
  }
  onSight.set(card, () => opened(card, rows.get(card), watchers, methods));
  sight.observe(card);
  return card;
}
function remembered(card) { // a row that stands still has its time in the address
  return (row) => {
    if (row.playing || !card.isConnected || row.time === 0) return;
    state = { ...state, sample: data.ids[card.dataset.i], t: row.time.toFixed(2) };
    clearTimeout(remembered.later);
    remembered.later = setTimeout(() => history.replaceState(null, "", address(state)), 200);
  };
}
function stopAll() {
  for (const card of cards.children) rows.get(card)?.pause();
}
function show() { // everything anew, as the state says
  stopAll();
  matches = chosen(state);
  const at = matches.findIndex((i) => data.ids[i] === state.sample);
  first = at < 0 ? 0 : at - at % PAGE;
  toForm(state);
  cards.replaceChildren(...matches.slice(first, first + PAGE).map(draw));
  const last = Math.min(first + PAGE, matches.length);
  by("count").textContent = matches.length ? `${first + 1} to ${last} of ${matches.length} samples` : "No sample fits these filters.";
  for (const name of ["before", "before-2"]) by(name).disabled = first === 0;
  for (const name of ["after", "after-2"]) by(name).disabled = last >= matches.length;
}
function change(next) {
  state = completed(next);
  history.replaceState(null, "", address(state));
  show();
}
const cardOf = (sample) => [...cards.children].find((card) => data.ids[card.dataset.i] === sample);
function goTo(sample) { // the card of a sample becomes the current one
  if (!cardOf(sample)) change({ ...state, sample, t: "" });
  const card = cardOf(sample);
  card?.scrollIntoView({ block: "start", behavior: "instant" });
  card?.focus({ preventScroll: true });
}
function turn(pages) {
  const place = first + pages * PAGE;
  if (place < 0 || place >= matches.length) return;
  change({ ...state, sample: data.ids[matches[place]], t: "" });
  by("clips").scrollIntoView({ behavior: "instant" });
}
function follow() { // an address was typed, or a link was clicked
  if (!asksForClips()) return;
  state = completed(fromAddress(location.hash));
  show();
  const card = state.sample ? cardOf(state.sample) : undefined;
  (card || by("clips")).scrollIntoView({ behavior: "instant" });
  card?.focus({ preventScroll: true });
  if (card && Number(state.t) > 0) {
    const row = rows.get(card), time = Number(state.t);
    row.time = time;
    row.videos.forEach((video) => { video.preload = "metadata"; });
  }
}
if (cards) {
  filled();
  by("filters").hidden = false;
  by("filters").addEventListener("submit", (event) => event.preventDefault());
  by("filters").addEventListener("input", (event) => { if (event.target.id !== "f-size") change(fromForm(state)); });
  by("f-size").addEventListener("input", () => cards.style.setProperty("--size", by("f-size").value + "px"));
  by("f-clear").addEventListener("click", () => change(fromAddress(PREFIX)));
  for (const [name, pages] of [["before", -1], ["before-2", -1], ["after", 1], ["after-2", 1]])
    by(name).addEventListener("click", () => turn(pages));
  cards.addEventListener("focusin", (event) => {
    const card = event.target.closest(".card");
    if (card && state.sample !== data.ids[card.dataset.i]) state = { ...state, sample: data.ids[card.dataset.i], t: "" };
  });
  addEventListener("hashchange", follow);
  state = completed(fromAddress(asksForClips() ? location.hash : PREFIX));
  show();
  follow();
}
