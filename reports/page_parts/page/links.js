// Cells, bars and counts lead to the clips behind them: filtered, and in the order in which one wants to see them.
function opens(cell, state, words) {
  const link = make("a", null, "opens");
  link.href = address(state);
  link.title = words;
  link.append(...cell.childNodes);
  cell.append(link);
}
const datasetOf = (name) => count && data.dataset.names.length > 1 ? name : "";
function linkScores(table) {
  const heads = [...table.tHead.rows[0].cells], dataset = datasetOf(table.dataset.dataset);
  for (const row of table.querySelectorAll("tr[data-k]")) [...row.cells].forEach((cell, place) => {
    const m = heads[place].dataset.m, value = cell.querySelector(".value"), short = cell.querySelector(".coverage");
    if (m === undefined) return;
    const about = { dataset, metric: data.metrics[m].key, method: data.methods[row.dataset.k] };
    if (value && value.textContent !== "–")
      opens(value, { ...about, order: data.metrics[m].numbers ? "worst" : "" }, "these clips, the worst first");
    if (short) opens(short, { ...about, reason: "*" }, "the clips without a number");
  });
}
function linkChart(figure) {
  const m = figure.dataset.m, table = figure.querySelector("table");
  if (m === undefined || !table) return;
  const emotions = [...table.tHead.rows[0].cells].slice(1).map((head) => head.textContent);
  const rows = [...table.tBodies[0].rows];
  const state = (row, emotion) => ({ emotion, order: "worst", metric: data.metrics[m].key, method: data.methods[row.dataset.k] });
  for (const row of rows) if (row.dataset.k !== undefined) [...row.cells].slice(1).forEach((cell, e) => {
    if (cell.textContent) opens(cell, state(row, emotions[e]), "these clips, the worst first");
  });
  for (const bar of figure.querySelectorAll("[data-at]")) {
    const [series, e] = bar.dataset.at.split(",").map(Number);
    if (rows[series].dataset.k !== undefined) bar.addEventListener("click", () => { location.hash = address(state(rows[series], emotions[e])); });
  }
}
function linkConfusion(table) {
  const { m, k } = table.dataset, heads = [...table.tHead.rows[0].cells];
  if (m === undefined) return;
  for (const row of table.tBodies[0].rows) [...row.cells].forEach((cell, place) => {
    const answer = heads[place].dataset.answer, emotion = row.cells[0].textContent;
    if (answer === undefined || cell.textContent === "0") return;
    opens(cell, { emotion, metric: data.metrics[m].key, method: data.methods[k], answer }, emotion + " taken for " + answer);
  });
}
function linkReason(row) {
  const { m, k, reason } = row.dataset;
  opens(row.querySelector(".clips"), { metric: m === undefined ? "" : data.metrics[m].key, method: k === undefined ? "" : data.methods[k], reason }, "these clips");
}
if (count) {
  document.querySelectorAll("table.scores").forEach(linkScores);
  document.querySelectorAll("#emotions figure").forEach(linkChart);
  document.querySelectorAll("table.confusion").forEach(linkConfusion);
  document.querySelectorAll("tr[data-reason]").forEach(linkReason);
}
