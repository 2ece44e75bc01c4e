// What every part of the script uses: elements, and the columns of the data block. Text is only ever set as text.
const data = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);
const count = data.ids.length;
function make(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = text;
  if (name) node.className = name;
  return node;
}
function unpacked(text) { // "x*2,y" is x, x, y
  const found = [];
  for (const group of text.split(",")) {
    const star = group.lastIndexOf("*");
    const times = star < 0 ? 1 : Number(group.slice(star + 1));
    for (let k = 0; k < times; k++) found.push(star < 0 ? group : group.slice(0, star));
  }
  return found;
}
const columns = new Map();
function column(m, k) { // of one metric and method: for each sample a number, a reason's code, or undefined
  const key = m * data.methods.length + k;
  if (!columns.has(key)) {
    const unit = 10 ** data.metrics[m].places;
    const read = (token) => token === "" ? undefined : token[0] === "r" ? data.reasons[Number(token.slice(1))][0] : Number(token) / unit;
    const text = data.values[m][k];
    columns.set(key, text ? unpacked(text).map(read) : new Array(count).fill(undefined));
  }
  return columns.get(key);
}
function answers(m, k) { // what each sample was taken for; undefined where nobody was asked
  const one = data.answers.find((found) => found.metric === m && found.method === k);
  if (one && !one.read) one.read = unpacked(one.of).map((token) => token === "" ? undefined : one.names[Number(token)]);
  return one;
}
const sampleFacts = {};
for (const name of count ? ["dataset", "emotion", "identity"] : []) {
  const found = data[name];
  sampleFacts[name] = unpacked(found.of).map((token) => found.names[Number(token)]);
}
function clipOf(i, k) {
  const { from, but } = data.clips[k];
  return i in but ? but[i] : from + data.ids[i] + ".mp4";
}
function shown(value, metric) {
  if (typeof value !== "number") return "–";
  return value.toFixed(metric.places).replace("-", "−") + (metric.unit === "%" ? " %" : "");
}
const sentences = new Map(data.reasons || []);
