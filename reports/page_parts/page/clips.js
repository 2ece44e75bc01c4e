function clips(cards) {
  const unique = (key) => [...new Set(data.samples.map((s) => s[key]).filter(Boolean))];
  const PAGE = 8;
  let shown = PAGE;
  let matches = [];

  function options(select, values) {
    for (const [value, label] of values) {
      const option = make("option", label);
      option.value = value;
      select.append(option);
    }
  }
  options(by("f-emotion"), unique("emotion").map((v) => [v, v]));
  options(by("f-identity"), unique("identity").map((v) => [v, v]));
  const orders = [];
  data.metrics.forEach((metric, m) => {
    if (metric.ranked) data.methods.forEach((method, k) => {
      if (data.contestants.includes(method)) orders.push([m + "," + k, "worst " + metric.title + " of " + method + " first"]);
    });
  });
  options(by("f-order"), orders);
  for (const [k, method] of data.methods.entries()) {
    const label = make("label");
    const box = make("input");
    box.type = "checkbox";
    box.checked = true;
    box.value = String(k);
    label.append(box, make("span", method));
    by("f-methods").append(label);
  }
  by("filters").hidden = false;
  by("filters").addEventListener("submit", (event) => event.preventDefault());

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) if (entry.isIntersecting) {
      entry.target.preload = "metadata"; // first frame only once it is about to be seen
      near.unobserve(entry.target);
    }
  }, { rootMargin: "200px" });

  function player(sample, k) {
    const box = make("div", null, "player");
    const clip = sample.clips[k];
    if (clip) {
      const video = make("video");
      Object.assign(video, { controls: true, preload: "none", playsInline: true, src: clip });
      video.setAttribute("aria-label", data.methods[k] + ", " + sample.id);
      video.addEventListener("error", () => video.replaceWith(make("div", "this clip is not beside the page any more", "none")), { once: true });
      near.observe(video);
      if (matchMedia("(hover: hover)").matches) { // the controls would hide half a small face
        video.controls = false;
        video.tabIndex = 0;
        for (const event of ["pointerenter", "focus"]) video.addEventListener(event, () => { video.controls = true; });
        for (const event of ["pointerleave", "blur"]) video.addEventListener(event, () => { video.controls = false; });
      }
      box.append(video);
    } else {
      box.append(make("div", "no clip", "none"));
    }
    box.append(make("h4", data.methods[k]));
    const list = make("dl");
    data.metrics.forEach((metric, m) => {
      const found = (sample.values[k] || {})[m];
      if (found === undefined) return;
      const number = typeof found === "number";
      list.append(make("dt", metric.title));
      list.append(make("dd", number ? found.toFixed(metric.places).replace("-", "−") + (metric.unit === "%" ? " %" : "") : "–", number ? "" : "why"));
      if (!number) list.lastChild.title = data.reasons[found] || found;
    });
    box.append(list);
    return box;
  }

  function together(card, button) {
    const videos = [...card.querySelectorAll("video")];
    if (!videos.length) return;
    if (card.dataset.playing) return halt(card, button);
    card.dataset.playing = "1";
    button.textContent = "Stop";
    const ready = videos.map((video, k) => {
      video.pause();
      video.currentTime = 0;
      video.muted = k > 0; // all have the same sound: one is enough
      video.preload = "auto";
      return video.readyState > 2 ? null : new Promise((done) => {
        video.addEventListener("canplay", done, { once: true });
        video.addEventListener("error", done, { once: true });
        video.load();
      });
    });
    Promise.all(ready).then(() => {
      if (!card.dataset.playing) return;
      const lead = videos[0];
      lead.ontimeupdate = () => {
        for (const video of videos.slice(1))
          if (!video.ended && Math.abs(video.currentTime - lead.currentTime) > 0.12) video.currentTime = lead.currentTime;
      };
      lead.onended = () => halt(card, button);
      videos.forEach((video) => video.play().catch(() => {}));
    });
  }
  function halt(card, button) {
    delete card.dataset.playing;
    button.textContent = "Play together";
    card.querySelectorAll("video").forEach((video) => {
      video.pause();
      video.ontimeupdate = video.onended = null;
    });
  }

  function draw(sample, methods) {
    const card = make("article", null, "card");
    const head = make("div", null, "head");
    const button = make("button", "Play together");
    button.type = "button";
    button.addEventListener("click", () => together(card, button));
    head.append(make("h3", sample.id), make("p", [sample.dataset, sample.emotion, sample.identity].filter(Boolean).join(" · ")), button);
    const players = make("div", null, "players");
    for (const k of methods) players.append(player(sample, k));
    card.append(head, players);
    return card;
  }

  function chosen() {
    return [...by("f-methods").querySelectorAll("input:checked")].map((box) => Number(box.value));
  }
  function select() {
    const emotion = by("f-emotion").value, identity = by("f-identity").value, text = by("f-text").value.toLowerCase();
    matches = data.samples.filter((s) => (!emotion || s.emotion === emotion) && (!identity || s.identity === identity) && s.id.toLowerCase().includes(text));
    const order = by("f-order").value;
    if (order) {
      const [m, k] = order.split(",").map(Number);
      const worse = (s) => {
        const found = (s.values[k] || {})[m];
        return typeof found !== "number" ? -Infinity : data.metrics[m].higher ? found : -found; // what failed comes first
      };
      const key = new Map(matches.map((s) => [s, worse(s)]));
      matches.sort((a, b) => (key.get(a) < key.get(b) ? -1 : key.get(a) > key.get(b) ? 1 : 0));
    }
  }
  function refresh(reset) {
    if (reset) shown = PAGE;
    select();
    const methods = chosen();
    cards.replaceChildren(...matches.slice(0, shown).map((sample) => draw(sample, methods)));
    tell();
  }
  function tell() {
    const n = Math.min(shown, matches.length);
    by("count").textContent = matches.length ? n + " of " + matches.length + " samples shown" : "No sample fits these filters.";
    by("more").hidden = n >= matches.length;
  }
  by("more").addEventListener("click", () => {
    const methods = chosen();
    cards.append(...matches.slice(shown, shown + PAGE).map((sample) => draw(sample, methods)));
    shown += PAGE;
    tell();
  });
  by("f-size").addEventListener("input", () => cards.style.setProperty("--size", by("f-size").value + "px"));
  for (const id of ["f-emotion", "f-identity", "f-order", "f-methods", "f-text"]) by(id).addEventListener("input", () => refresh(true));
  refresh(true);
}
if (by("cards")) clips(by("cards"));
