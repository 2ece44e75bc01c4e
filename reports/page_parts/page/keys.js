// The keyboard: keys work on the current card, wherever the focus is, but for fields that are typed into.
const KEYS = [
  ["space", "play or pause"], ["← →", "half a second back or on"], [", .", "a frame back or on"], ["j k", "next or previous sample"],
  ["m", "sound on or off"], ["l", "loop"], ["h", "half speed"], ["?", "this list"],
];
function currentCard() {
  return document.activeElement?.closest?.(".card") || cardOf(state.sample) || cards.firstElementChild;
}
function toSample(step) {
  const here = document.activeElement?.closest?.(".card") || cardOf(state.sample);
  const place = here ? matches.indexOf(Number(here.dataset.i)) + step : first;
  if (place >= 0 && place < matches.length) goTo(data.ids[matches[place]]);
}
const ACTS = {
  " ": (row) => row.toggle(),
  ArrowLeft: (row) => row.seek(row.time - 0.5),
  ArrowRight: (row) => row.seek(row.time + 0.5),
  ",": (row) => row.step(-1),
  ".": (row) => row.step(1),
  m: (row) => { row.hear(row.heard < 0 ? row.before ?? 0 : ((row.before = row.heard), -1)); },
  l: (row) => { row.loop = !row.loop; row.pause(); },
  h: (row) => row.slow(row.rate === 1),
};
const MOVES = { j: () => toSample(1), k: () => toSample(-1), "?": () => by("keys").showModal() };
function typedInto(target) {
  return target.matches?.("input:not([type=range]):not([type=checkbox]), select, textarea, [contenteditable]") || target.closest?.("#filters, dialog");
}
function pressed(event) {
  if (event.ctrlKey || event.altKey || event.metaKey || typedInto(event.target)) return;
  const inCards = event.target.closest?.("#cards");
  if (event.key === " " && event.target.matches?.("button, summary, a")) return; // it presses what has the focus
  if (["ArrowLeft", "ArrowRight", " "].includes(event.key) && !inCards) return; // they scroll the page and its tables
  const row = rows.get(currentCard());
  if (MOVES[event.key]) MOVES[event.key]();
  else if (ACTS[event.key] && row) ACTS[event.key](row);
  else return;
  event.preventDefault();
}
if (cards) {
  const list = make("dl");
  for (const [key, words] of KEYS) list.append(make("dt", key), make("dd", words));
  by("keys").append(list);
  by("keys-open").addEventListener("click", () => by("keys").showModal());
  document.addEventListener("keydown", pressed);
}
