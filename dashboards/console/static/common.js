// What the modules share: words, the house clock, lengths of time.
export const words = JSON.parse(document.body.dataset.words);

const HAN = /\p{Script=Han}/u, LATIN = /[A-Za-z0-9]/;
const meet = (a, b) => (HAN.test(a) && LATIN.test(b)) || (LATIN.test(a) && HAN.test(b));

// As the server's words: where a hole's filling and the text around it meet as Han and Latin, a space.
export function fill(text, values) {
  let filled = "";
  for (const [n, part] of text.split(/\{(\w+)\}/).entries()) {
    const next = n % 2 ? String(values[part] ?? "") : part;
    filled += (meet(filled.slice(-1), next.slice(0, 1)) ? " " : "") + next;
  }
  return filled;
}

let house = 0, real = 0, speed = 1;
setClock(Number(document.body.dataset.nowMs), Number(document.body.dataset.speed));

export function setClock(houseMs, rate) {
  house = houseMs;
  real = performance.now();
  speed = rate || 1;
}

export const now = () => house + (performance.now() - real) * speed;
export const rate = () => speed;

export function span(seconds) {
  if (seconds < 60) return fill(words["span-s"], { s: seconds });
  if (seconds < 3600) return fill(words["span-ms"], { m: Math.floor(seconds / 60), s: seconds % 60 });
  return fill(words["span-hm"], { h: Math.floor(seconds / 3600), m: Math.floor((seconds % 3600) / 60) });
}

export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: patience(),
  });
  return { ok: answer.ok, status: answer.status, told: await answer.json() };
}

export const why = (told) => [told.title, told.remedy].filter(Boolean).join(" · ");

// A lasting word stands until the next one.
export function say(text, bad = false, lasting = false) {
  const line = document.getElementById("say");
  line.textContent = text;
  line.classList.toggle("bad", bad);
  clearTimeout(say.until);
  if (text && !lasting) say.until = setTimeout(() => { line.textContent = ""; }, bad ? 8000 : Math.max(2500, 250 * text.length)); // as long as it takes to read
}

const asked = new URLSearchParams(location.search).get("lang");
if (asked === "zh" || asked === "en") {
  document.cookie = `lang=${asked}; path=/; max-age=31536000; samesite=lax`;
}

// Ends a fetch after 15 s. AbortSignal.timeout is newer than many phones.
export function patience() {
  const control = new AbortController();
  setTimeout(() => control.abort(), 15_000);
  return control.signal;
}

// One act: whether it is done. Whatever comes is said; a button that is at it takes no second press,
// and keeps the focus, which one that is disabled would lose.
export async function send(path, body, control, done = words.done) {
  if (control?.getAttribute("aria-disabled") === "true") return { ok: false, status: 0 };
  control?.setAttribute("aria-disabled", "true");
  say(words.acting, false, true);
  try {
    const { ok, status, told } = await post(path, body);
    if (ok) say(done);
    else say(fill(words.failed, { why: why(told) }), true);
    return { ok, status };
  } catch (error) {
    const lost = { TypeError: words.unsent, AbortError: words.unanswered, SyntaxError: words.unanswered }[error.name];
    say(lost ?? fill(words.failed, { why: error.message }), true, true);
    return { ok: false, status: 0 };
  } finally {
    control?.removeAttribute("aria-disabled");
  }
}

// What a form says, without what stays empty; null, and said so, where a word is missing.
export function filled(form) {
  const blank = [...form.elements].find((one) => one.required && !one.value.trim());
  if (blank) {
    say(blank.tagName === "SELECT" ? words.unchosen : words.blank, true);
    blank.focus();
    return null;
  }
  const said = [...new FormData(form)].map(([name, value]) => [name, value.trim()]);
  return Object.fromEntries(said.filter(([, value]) => value));
}
