// What the modules share: words, the house clock, lengths of time.
export const words = JSON.parse(document.body.dataset.words);

export const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");

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
  });
  return { ok: answer.ok, told: await answer.json() };
}

export const why = (told) => [told.title, told.remedy].filter(Boolean).join(" · ");

export function say(text, bad = false) {
  const line = document.getElementById("say");
  line.textContent = text;
  line.classList.toggle("bad", bad);
  clearTimeout(say.until);
  if (text) say.until = setTimeout(() => { line.textContent = ""; }, bad ? 8000 : 2500);
}
