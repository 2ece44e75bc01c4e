"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const by = (id) => document.getElementById(id);
  const UNSURE = "unsure", BROKEN = "broken", SIDES = ["left", "right"];
  let rater = "", items = [], answers = [], began = 0;

  const store = { // a private window may have none: then a closed page begins anew
    name: () => "study-of-faces-" + data.study + "-" + rater,
    read() {
      try { return JSON.parse(localStorage.getItem(this.name())) || []; } catch { return []; }
    },
    write() {
      try { localStorage.setItem(this.name(), JSON.stringify(answers)); } catch { /* see above */ }
    },
  };
  function make(tag, text, name) {
    const node = document.createElement(tag);
    node.textContent = text;
    if (name) node.className = name;
    return node;
  }
  function show(id) {
    for (const section of ["start", "task", "done"]) by(section).hidden = section !== id;
    window.scrollTo(0, 0);
  }

  function begin(number) {
    if (!data.raters[number]) {
      by("unknown").hidden = false;
      return;
    }
    rater = String(number);
    items = data.raters[rater];
    const known = store.read();
    answers = items.every((item, k) => k >= known.length || known[k][0] === item[0]) ? known.slice(0, items.length) : [];
    next();
  }

  function next() {
    if (answers.length >= items.length) return finish();
    const [, question, clips, emotion] = items[answers.length];
    show("task");
    by("place").textContent = answers.length + 1 + " of " + items.length;
    by("bar").value = answers.length / items.length;
    by("question").textContent = clips.length > 1 ? data.questions[question].replace("{}", emotion) : "Which emotion does this face show?";
    by("clips").className = clips.length > 1 ? "clips" : "clips one";
    by("broken").hidden = true;
    const choices = clips.length > 1 ? [["left", "The left clip"], ["right", "The right clip"]] : [...data.choices.map((name) => [name, name]), [UNSURE, "I cannot tell"]];
    by("answers").replaceChildren(...choices.map(([value, label]) => {
      const button = make("button", label);
      button.type = "button";
      button.disabled = true;
      button.addEventListener("click", () => answer(value));
      return button;
    }));
    by("clips").replaceChildren(...clips.map((name, k) => figure(name, clips.length > 1 ? SIDES[k] : "")));
    by("hint").textContent = clips.length > 1 ? "Play both clips to the end, then choose." : "Play the clip to the end, then choose.";
    by("question").focus();
    began = performance.now();
  }

  function figure(name, side) {
    const box = document.createElement("figure");
    const video = document.createElement("video");
    const button = make("button", side ? "Play " + side : "Play");
    button.type = "button";
    Object.assign(video, { preload: "auto", playsInline: true, disablePictureInPicture: true, src: "clips/" + name + ".mp4" });
    video.setAttribute("aria-label", side ? side + " clip" : "clip");
    const start = () => {
      document.querySelectorAll("video").forEach((other) => other.pause());
      video.currentTime = 0;
      video.play().catch(() => { if (video.error) fail(); });
    };
    const fail = () => {
      by("broken").hidden = false;
      button.disabled = true;
    };
    button.addEventListener("click", start);
    video.addEventListener("click", start);
    video.addEventListener("error", fail);
    video.addEventListener("ended", () => {
      button.className = "seen";
      if (document.querySelectorAll(".clips button").length > document.querySelectorAll(".clips .seen").length) return;
      by("answers").querySelectorAll("button").forEach((choice) => { choice.disabled = false; });
      by("hint").textContent = "";
    });
    box.append(video, button);
    return box;
  }

  function answer(value) {
    const seconds = Math.round(performance.now() - began) / 1000;
    answers.push([items[answers.length][0], value, seconds.toFixed(2)]);
    store.write();
    next();
  }

  function text() {
    const rows = answers.map(([item, value, seconds], k) => [rater, item, value, seconds, k + 1].join(","));
    return ["rater,item,answer,seconds,order", ...rows].join("\n") + "\n";
  }
  function finish() {
    show("done");
    by("text").value = text();
    by("thanks").focus();
  }
  by("download").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text()], { type: "text/csv" }));
    link.download = "answers-" + data.study + "-" + rater.padStart(3, "0") + ".csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
  by("broken").addEventListener("click", () => answer(BROKEN));
  by("begin").addEventListener("submit", (event) => {
    event.preventDefault();
    begin(Number(by("rater").value));
  });
  const given = new URLSearchParams(location.search).get("rater");
  if (given) by("rater").value = given;
})();
