// One transport for all clips of a row. One of them leads (the one that is heard); the others follow it by their rate, a
// little faster or slower, so that no picture jumps. One that is ahead waits; where one is far behind, the row waits.
const FRAME_SECONDS = 0.04, DEAD_SECONDS = 0.008, AHEAD_SECONDS = 0.02, FAR_SECONDS = 0.25, EVERY_MS = 150, PRIME_RATE = 0.25;
const SILENT_START_MS = 60, HEARD_START_MS = 120; // from play() to a picture that moves; measured anew at every start

function transport(videos, changed) {
  const row = { videos, time: 0, duration: 0, playing: false, loop: false, rate: 1, heard: 0, turn: 0 };
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
  const primed = new Set(), sounded = new Set(), held = new Set(), looked = new Map(), starts = new Map();

  function hold(video, on) { // going on after a pause takes no time, other than after a seek
    if (held.has(video) === on) return;
    held[on ? "add" : "delete"](video);
    if (on) video.pause();
    else video.play().catch(() => {});
  }
  function lean(video, late, now) { // each change of a rate costs the browser a moment
    if (now - (looked.get(video) ?? -EVERY_MS) < EVERY_MS) return;
    const most = late > FRAME_SECONDS ? 0.9 : 0.25;
    const share = Math.abs(late) < DEAD_SECONDS ? 0 : Math.max(-most, Math.min(most, late / (late > FRAME_SECONDS / 2 ? 0.15 : 0.3)));
    const rate = row.rate * (1 + Math.round(share * 50) / 50);
    if (video.playbackRate === rate) return;
    looked.set(video, now);
    video.playbackRate = rate;
  }
  function follow(first, now) {
    const others = running().filter((video) => video !== first && !starts.has(video));
    const slowest = Math.min(...others.map((video) => video.currentTime), first.currentTime);
    hold(first, first.currentTime - slowest > (held.has(first) ? DEAD_SECONDS : FAR_SECONDS));
    for (const video of others) {
      const late = first.currentTime - video.currentTime;
      hold(video, -late > (held.has(video) ? 0.012 : AHEAD_SECONDS));
      if (!held.has(video)) lean(video, late, now);
    }
  }
  function started(now) { // how long each took to begin, so that the next start is earlier or later by as much
    for (const [video, { at, from }] of starts) {
      const gone = video.currentTime - from;
      if (gone < 0.06) { // the first picture stands for a moment; who does not begin at all is waited for
        if (now - at > 1000) starts.delete(video);
        continue;
      }
      const took = now - at - 1000 * gone / row.rate, before = begins(video);
      video.took = before + Math.max(-100, Math.min(100, took - before)) / 2;
      starts.delete(video);
    }
  }
  const begins = (video) => video.took ?? (sounded.has(video) ? HEARD_START_MS : SILENT_START_MS);
  function tick(turn) {
    if (turn !== row.turn) return;
    const first = lead(), now = performance.now();
    if (first) {
      row.time = first.currentTime;
      started(now);
      if (first.playbackRate !== row.rate) first.playbackRate = row.rate;
      follow(first, now);
      tell();
    }
    requestAnimationFrame(() => tick(turn));
  }
  async function loaded() {
    await Promise.all(alive().map((video) => {
      video.preload = "auto";
      if (video.readyState > 2) return null;
      const can = once(video, "canplay");
      if (video.networkState !== HTMLMediaElement.NETWORK_LOADING) video.load();
      return can;
    }));
  }
  async function prime(video) { // the first start of all takes the browser long: it is made before, without a sound
    if (primed.has(video)) return;
    primed.add(video);
    const from = video.currentTime, turn = row.turn;
    Object.assign(video, { volume: 0, playbackRate: PRIME_RATE });
    await video.play().catch(() => {});
    while (turn === row.turn && !video.error && !video.ended && video.currentTime === from) await new Promise(requestAnimationFrame);
    video.pause();
    video.volume = 1;
  }
  function settle(time) {
    return Promise.all(alive().map((video) => {
      const there = once(video, "seeked");
      video.currentTime = Math.min(time, Math.max(0, video.duration - 0.001));
      return there;
    }));
  }
  function begin(turn) { // whoever takes longest is started first
    const all = alive().filter((video) => row.time < video.duration - 0.001), latest = Math.max(...all.map(begins));
    for (const video of all) {
      video.playbackRate = row.rate;
      starts.set(video, { at: Infinity, from: video.currentTime });
      setTimeout(() => {
        if (turn !== row.turn) return;
        starts.set(video, { at: performance.now(), from: video.currentTime });
        video.play().catch(() => {});
      }, latest - begins(video));
    }
    requestAnimationFrame(() => tick(turn));
  }
  function halt() {
    row.turn += 1;
    row.playing = false;
    for (const one of [held, starts, looked]) one.clear();
    for (const video of row.videos) video.pause();
  }

  row.play = async () => {
    if (row.playing) return;
    if (row.time >= row.duration - 0.001) row.time = 0;
    row.playing = true;
    const turn = (row.turn += 1);
    tell();
    await loaded();
    await Promise.all(alive().map(prime));
    if (turn === row.turn) await settle(row.time);
    if (turn === row.turn) begin(turn);
  };
  row.pause = () => { // all on the same frame: in its middle, so that rounding shows no other one
    const on = row.playing;
    halt();
    if (on) row.seek((Math.floor(row.time / FRAME_SECONDS + 1e-6) + 0.5) * FRAME_SECONDS);
    else tell();
  };
  row.toggle = () => (row.playing ? row.pause() : row.play());
  row.seek = (time) => {
    const on = row.playing;
    halt();
    row.time = Math.max(0, Math.min(time, row.duration));
    for (const video of alive()) {
      if (video.preload !== "auto") video.preload = "auto";
      if (video.readyState > 0) video.currentTime = Math.min(row.time, Math.max(0, video.duration - 0.001));
    }
    tell();
    if (on) row.play();
  };
  row.step = (frames) => {
    halt();
    const now = Math.floor(row.time / FRAME_SECONDS + 1e-6);
    row.seek((Math.max(0, now + frames) + 0.5) * FRAME_SECONDS);
  };
  row.hear = (place) => {
    row.heard = place;
    row.videos.forEach((video, k) => { video.muted = k !== place; });
    if (place >= 0) sounded.add(row.videos[place]);
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
      halt();
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
