// Which samples a state asks for, and in which order.
const isNumber = (value) => typeof value === "number";
const isReason = (value) => typeof value === "string";
const places = (n) => [...Array(n).keys()];
const rankedMetrics = () => places(data.metrics.length).filter((m) => data.metrics[m].numbers && data.metrics[m].ranked);
const contestants = () => places(data.methods.length).filter((k) => data.roles[k] === "contestant");

function completed(state) { // an order needs a metric, a method, and for a disagreement another one
  const full = { ...state };
  if (!["worst", "best", "apart"].includes(full.order)) return full;
  const chosen = metricOf(full);
  if (chosen < 0 || !data.metrics[chosen].numbers) full.metric = data.metrics[rankedMetrics()[0] ?? 0].key;
  if (methodOf(full.method) < 0) full.method = data.methods[contestants()[0] ?? 0];
  if (full.order === "apart" && (methodOf(full.other) < 0 || full.other === full.method)) {
    const others = [...contestants(), ...places(data.methods.length)].filter((k) => data.methods[k] !== full.method);
    full.other = data.methods[others[0] ?? 0];
  }
  return full;
}

function chosen(state) {
  const m = metricOf(state), k = methodOf(state.method), text = state.text.toLowerCase();
  const metrics = m < 0 ? places(data.metrics.length) : [m], methods = k < 0 ? places(data.methods.length) : [k];
  const wanted = (code) => isReason(code) && (state.reason === "*" || code === state.reason);
  const hasReason = (i) => metrics.some((a) => methods.some((b) => wanted(column(a, b)[i])));
  const judge = state.answer ? answers(m, k) : undefined;
  const found = places(count).filter((i) =>
    ["dataset", "emotion", "identity"].every((name) => !state[name] || sampleFacts[name][i] === state[name]) &&
    (!text || data.ids[i].toLowerCase().includes(text)) &&
    (!state.reason || hasReason(i)) && (!judge || judge.read[i] === state.answer));
  const key = orderKey(state, m, k, metrics, methods);
  if (!key) return found;
  const keys = new Map(found.map((i) => [i, key(i)]));
  return found.sort((a, b) => keys.get(a) - keys.get(b) || a - b);
}

function orderKey(state, m, k, metrics, methods) { // the smallest comes first; what has no number comes last
  const last = Number.MAX_VALUE;
  if (state.order === "failed")
    return (i) => -metrics.reduce((sum, a) => sum + methods.filter((b) => isReason(column(a, b)[i])).length, 0);
  if (m < 0 || k < 0) return null;
  const own = column(m, k), metric = data.metrics[m];
  if (state.order === "apart") {
    const other = column(m, methodOf(state.other));
    return (i) => isNumber(own[i]) && isNumber(other[i]) ? -Math.abs(own[i] - other[i]) : last;
  }
  if (state.order !== "worst" && state.order !== "best") return null;
  const worse = badness(own, metric), sign = state.order === "worst" ? -1 : 1;
  return (i) => isNumber(own[i]) ? sign * worse(own[i]) : last;
}

function badness(own, metric) { // what has no better side is the worse the farther it lies from the middle
  if (metric.ranked) return (value) => metric.higher ? -value : value;
  const numbers = own.filter(isNumber).sort((a, b) => a - b);
  const middle = numbers[Math.floor(numbers.length / 2)] ?? 0;
  return (value) => Math.abs(value - middle);
}
