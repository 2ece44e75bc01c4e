// One transport for all clips of a row. One of them leads (the one that is heard); the others follow it by their rate,
// a little faster or slower, so that no picture jumps. Only one that is half a second off (a stalled disk) is set.
const FRAME_SECONDS = 0.04, FAR_SECONDS = 0.5, DEAD_SECONDS = 0.008, EVERY_MS = 200, SOON_MS = 60;

function transport(videos, changed) {
  const row = { videos, time: 0, duration: 0, playing: false, loop: false, rate: 1, heard: 0, jumps: 0, looked: 0, begun: 0 };
  const alive = () => row.videos.filter((video) => !video.error);
  const running = () => alive().filter((video) => !video.ended);
  const longest = (found) => found.reduce((a, b) => (b.duration > a.duration ? b : a), found[0]);
  const lead = () => {
    const heard = row.videos[row.heard];
    return heard && !heard.ended && !heard.error ? heard : longest(running());
  };
  const tell = () => changed(row);
  const once = (video, event) => new Promise((done) => {
    video.addEventListener(event, done, { once: true });
    video.addEventListener("error", done, { once: true });
  });

  function follow(video, time, soon) { // soon after the start they may lean more: they need unlike times to begin
    const late = time - video.currentTime;
    if (Math.abs(late) > FAR_SECONDS) {
      row.jumps += 1;
      video.currentTime = time;
    }
    const most = soon ? 0.9 : 0.25;
    const lean = Math.abs(late) < DEAD_SECONDS ? 0 : Math.max(-most, Math.min(most, late / (soon ? 0.15 : 0.4)));
    const rate = row.rate * (1 + Math.round(lean * 50) / 50);
    if (video.playbackRate !== rate) video.playbackRate = rate;
  }
  function tick() {
    if (!row.playing) return;
    const first = lead();
    if (first) {
      row.time = first.currentTime;
      if (first.playbackRate !== row.rate) first.playbackRate = row.rate;
      const now = performance.now(), soon = now - row.begun < 700;
      if (now - row.looked > (soon ? SOON_MS : EVERY_MS)) { // each change of a rate costs the browser a moment
        row.looked = now;
        for (const video of running()) if (video !== first && !video.seeking) follow(video, row.time, soon);
      }
      tell();
    }
    requestAnimationFrame(tick);
  }
  async function ready() {
    await Promise.all(alive().map((video) => {
      video.preload = "auto";
      if (video.readyState > 2) return null;
      const loaded = once(video, "canplay");
      if (video.networkState !== HTMLMediaElement.NETWORK_LOADING) video.load();
      return loaded;
    }));
    await Promise.all(alive().map((video) => {
      const time = Math.min(row.time, video.duration);
      if (Math.abs(video.currentTime - time) < 0.001 && !video.seeking) return null;
      const there = once(video, "seeked");
      video.currentTime = time;
      return there;
    }));
  }

  row.play = async () => {
    if (row.playing) return;
    if (row.time >= row.duration - 0.001) row.time = 0;
    row.playing = true;
    tell();
    await ready();
    if (!row.playing) return;
    for (const video of alive()) if (video.currentTime < video.duration) video.play().catch(() => {});
    row.begun = performance.now(); // they do not start in the same moment
    requestAnimationFrame(tick);
  };
  row.pause = () => {
    row.playing = false;
    for (const video of row.videos) video.pause();
    tell();
  };
  row.toggle = () => (row.playing ? row.pause() : row.play());
  row.seek = (time) => {
    const on = row.playing;
    if (on) row.pause();
    row.time = Math.max(0, Math.min(time, row.duration));
    for (const video of alive()) {
      if (video.preload !== "auto") video.preload = "auto";
      if (video.readyState > 0) video.currentTime = Math.min(row.time, Math.max(0, video.duration - 0.001));
    }
    tell();
    if (on) row.play();
  };
  row.step = (frames) => { // to the middle of a frame, so that rounding shows no other one
    row.pause();
    const now = Math.floor(row.time / FRAME_SECONDS + 1e-6);
    row.seek((Math.max(0, now + frames) + 0.5) * FRAME_SECONDS);
  };
  row.hear = (place) => {
    row.heard = place;
    row.videos.forEach((video, k) => { video.muted = k !== place; });
    tell();
  };
  row.slow = (half) => {
    row.rate = half ? 0.5 : 1;
    for (const video of row.videos) video.playbackRate = row.rate;
    tell();
  };
  for (const video of videos) {
    video.addEventListener("loadedmetadata", () => {
      row.duration = Math.max(0, ...alive().map((one) => one.duration || 0));
      if (row.time > 0 && !row.playing) video.currentTime = Math.min(row.time, video.duration);
      tell();
    });
    video.addEventListener("ended", () => {
      if (!row.playing || running().length) return;
      row.pause();
      row.time = row.duration;
      if (row.loop) row.play();
      tell();
    });
  }
  row.hear(0);
  return row;
}

function controls(row, names) { // the buttons of a row, below its faces
  const bar = make("div", null, "bar");
  bar.setAttribute("role", "group");
  bar.setAttribute("aria-label", "Transport of this row");
  const button = (text, words, act, tab = 0) => {
    const made = make("button", text);
    Object.assign(made, { type: "button", title: words, tabIndex: tab });
    made.setAttribute("aria-label", words);
    made.addEventListener("click", act);
    bar.append(made);
    return made;
  };
  const play = button("▶", "play (space)", row.toggle);
  button("‹", "a frame back (comma)", () => row.step(-1), -1);
  button("›", "a frame on (period)", () => row.step(1), -1);
  const scrub = make("input", null, "scrub");
  Object.assign(scrub, { type: "range", min: 0, max: 1, step: 0.01, value: 0 });
  scrub.setAttribute("aria-label", "time in the clips, in seconds");
  scrub.addEventListener("input", () => row.seek(Number(scrub.value)));
  const time = make("output", "0.00 s");
  bar.append(scrub, time);
  const loop = button("loop", "loop (l)", () => { row.loop = !row.loop; draw(); }, -1);
  const half = button("½×", "half speed (h)", () => row.slow(row.rate === 1), -1);
  const sound = make("select");
  sound.setAttribute("aria-label", "sound");
  sound.title = "whose sound is heard (m: none)";
  options(sound, [[-1, "no sound"], ...names.map((name, k) => [k, "sound of " + name])]);
  sound.addEventListener("change", () => row.hear(Number(sound.value)));
  bar.append(sound);
  function draw() {
    if (play.textContent !== (row.playing ? "⏸" : "▶")) play.textContent = row.playing ? "⏸" : "▶";
    scrub.max = row.duration || 1;
    scrub.value = row.time;
    time.textContent = row.time.toFixed(2) + " s, frame " + Math.floor(row.time / FRAME_SECONDS + 1e-6);
    loop.setAttribute("aria-pressed", row.loop);
    half.setAttribute("aria-pressed", row.rate !== 1);
    sound.value = row.heard;
  }
  return { bar, draw };
}
