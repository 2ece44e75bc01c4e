// The form shows the state and changes it.
const INPUTS = ["dataset", "emotion", "identity", "text", "order", "metric", "method", "other", "reason", "answer"];
function options(select, values) {
  for (const [value, label] of values) {
    const option = make("option", label);
    option.value = value;
    select.append(option);
  }
}
function filled() {
  for (const name of ["dataset", "emotion", "identity"])
    options(by("f-" + name), data[name].names.filter(Boolean).map((value) => [value, value]));
  by("l-dataset").hidden = data.dataset.names.length < 2;
  options(by("f-metric"), data.metrics.map((metric) => [metric.key, metric.title]));
  options(by("f-method"), data.methods.map((name) => [name, name]));
  options(by("f-other"), data.methods.map((name) => [name, name]));
  options(by("f-reason"), data.reasons.filter(([code]) => code !== "pooled").map(([code, sentence]) => [code, sentence]));
  for (const name of data.methods) {
    const label = make("label"), box = make("input");
    box.type = "checkbox";
    box.value = name;
    label.append(box, make("span", name));
    by("f-show").append(label);
  }
}
function toForm(state) {
  const judge = answers(metricOf(state), methodOf(state.method));
  by("f-answer").replaceChildren(by("f-answer").firstElementChild);
  options(by("f-answer"), (judge ? judge.names : []).map((name) => [name, sentences.get(name) || name]));
  by("f-answer").parentElement.hidden = !judge;
  by("f-other").parentElement.hidden = state.order !== "apart";
  for (const name of INPUTS) by("f-" + name).value = state[name];
  by("f-all").checked = Boolean(state.all);
  for (const box of by("f-show").querySelectorAll("input")) box.checked = !state.show.length || state.show.includes(box.value);
}
function fromForm(state) {
  const found = { ...state, sample: "", t: "", all: by("f-all").checked ? "1" : "" };
  for (const name of INPUTS) found[name] = by("f-" + name).value;
  if (!answers(metricOf(found), methodOf(found.method))) found.answer = "";
  const boxes = [...by("f-show").querySelectorAll("input")], checked = boxes.filter((box) => box.checked);
  found.show = checked.length === boxes.length ? [] : checked.map((box) => box.value);
  return found;
}
