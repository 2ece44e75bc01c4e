// The state of the clips' part lives in the address: #clips?emotion=happy&order=worst&metric=lse_c&method=cmet&sample=…
// A link is the same text, so that every view and every card can be sent to somebody.
const FIELDS = ["dataset", "emotion", "identity", "text", "order", "metric", "method", "other", "reason", "answer", "sample", "t", "all"];
const PREFIX = "#clips?";
function address(state) {
  const found = new URLSearchParams();
  for (const name of FIELDS) if (state[name]) found.set(name, state[name]);
  for (const method of state.show || []) found.append("show", method);
  return PREFIX + found;
}
function fromAddress(hash) {
  const found = new URLSearchParams(hash.slice(PREFIX.length));
  const state = { show: found.getAll("show").filter((name) => data.methods.includes(name)) };
  for (const name of FIELDS) state[name] = found.get(name) || "";
  return state;
}
const asksForClips = () => location.hash.startsWith(PREFIX);
const metricOf = (state) => data.metrics.findIndex((metric) => metric.key === state.metric);
const methodOf = (name) => data.methods.indexOf(name);
