// A place's charts: one time axis, all metrics stacked, cursors together; what happens joins in live.
import { fill, now, words } from "./common.js";
import { listen } from "./stream.js";

const body = document.body;
const { site, place, zone } = body.dataset;
const hours = Number(body.dataset.hours);
const chosen = body.dataset.port;
const incident = Number(body.dataset.incident);
const MOST = 600;
const colours = { conductivity: "#b91c1c", turbidity: "#7c5a1e", "water-level": "#1d4ed8", do: "#0f766e", ph: "#6d28d9", "water-temp": "#566663", power: "#0f766e", smoke: "#b91c1c" };
const OTHER = ["#0f766e", "#7c5a1e", "#1d4ed8", "#6d28d9", "#566663", "#a34a06"];
const QUIET = "#b9c6c3"; // the other ports, when one of them is in trouble
const RED = "#b91c1c";
const AMBER = "#a34a06";
const css = (text) => getComputedStyle(body).getPropertyValue(text);
const box = document.getElementById("charts");
const narrow = matchMedia("(max-width: 560px)");
const sync = { key: "place" };
let charts = [], data = null, pending = new Map(), drawing = false;

const show = (value, decimals) => (value == null ? "—" : value.toFixed(decimals));
const local = (ms) => uPlot.tzDate(new Date(ms), zone);

async function load() {
  const until = now(), since = until - hours * 3600e3;
  const ask = new URLSearchParams({ since: new Date(since).toISOString(), until: new Date(until).toISOString(), most: Math.min(MOST, Math.max(200, box.clientWidth | 0)) });
  const answer = await fetch(`/api/v1/sites/${site}/places/${place}/series?${ask}`, { cache: "no-store" });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.title);
  return told;
}

// The lines of one metric on one axis: the union of their times. Undefined joins what stands on
// both sides; null, put where a line was silent for long, leaves a gap.
function columns(lines) {
  const silences = lines.map(gaps);
  const times = [...new Set(lines.flatMap((line, n) => [...line.at, ...silences[n]]))].sort((a, b) => a - b);
  const index = new Map(times.map((at, i) => [at, i]));
  const table = [times];
  lines.forEach((line, n) => {
    const mean = new Array(times.length).fill(undefined);
    line.at.forEach((at, i) => { mean[index.get(at)] = line.mean[i]; });
    for (const at of silences[n]) mean[index.get(at)] = null;
    table.push(mean);
  });
  return table;
}

function gaps(line) {
  const steps = line.at.slice(1).map((at, i) => at - line.at[i]);
  if (!steps.length) return [];
  const usual = [...steps].sort((a, b) => a - b)[steps.length >> 1];
  return steps.flatMap((step, i) => (step > 4 * usual ? [line.at[i] + usual] : []));
}

function spansPlugin() {
  return {
    hooks: {
      drawClear: (u) => {
        const { ctx, bbox } = u;
        ctx.save();
        for (const span of data.spans) {
          const from = Math.max(Date.parse(span.since), u.scales.x.min);
          const to = Math.min(span.until ? Date.parse(span.until) : now(), u.scales.x.max);
          if (to <= from) continue;
          const x0 = u.valToPos(from, "x", true), x1 = u.valToPos(to, "x", true);
          ctx.fillStyle = span.severity === "minor" || span.severity === "info" ? "rgba(163,74,6,.08)" : "rgba(185,28,28,.09)";
          ctx.fillRect(x0, bbox.top, Math.max(2, x1 - x0), bbox.height);
        }
        ctx.restore();
      },
    },
  };
}

// From the lowest to the highest value of each bucket, behind the line of their means.
function bandPlugin(line) {
  return {
    hooks: {
      drawAxes: (u) => {
        if (!line.at.some((_, i) => line.high[i] > line.low[i])) return;
        const { ctx, bbox } = u;
        ctx.save();
        ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
        ctx.beginPath();
        line.at.forEach((at, i) => ctx.lineTo(u.valToPos(at, "x", true), u.valToPos(line.high[i], "y", true)));
        for (let i = line.at.length - 1; i >= 0; i--) ctx.lineTo(u.valToPos(line.at[i], "x", true), u.valToPos(line.low[i], "y", true));
        ctx.closePath();
        ctx.globalAlpha = 0.16; ctx.fillStyle = u.series[1].stroke(u, 1);
        ctx.fill();
        ctx.restore();
      },
    },
  };
}

// A rule that looks at a rise has no line of its own: its limit held for that incident alone.
function moving(metric, limits) {
  return data.spans
    .filter((span) => span.incident === incident && span.metric === metric && span.limit != null && !limits.some((l) => l.value === span.limit))
    .map((span) => ({ value: span.limit, severity: span.severity, since: Date.parse(span.since), until: span.until ? Date.parse(span.until) : now() }));
}

function limitsPlugin(limits, decimals) {
  return {
    hooks: {
      draw: (u) => {
        const { ctx, bbox } = u;
        const px = devicePixelRatio || 1;
        ctx.save();
        ctx.setLineDash([5 * px, 4 * px]); ctx.lineWidth = px;
        ctx.font = `${11 * px}px ${css("font-family") || "sans-serif"}`;
        ctx.textBaseline = "alphabetic";
        let last = -Infinity; // labels that would lie upon each other are left out
        for (const limit of [...limits, ...(u.flag ? [] : moving(u.metric, limits))].sort((one, other) => other.value - one.value)) {
          const y = u.valToPos(limit.value, "y", true);
          const from = limit.since ? Math.max(bbox.left, u.valToPos(limit.since, "x", true)) : bbox.left;
          const to = limit.until ? Math.min(bbox.left + bbox.width, u.valToPos(limit.until, "x", true)) : bbox.left + bbox.width;
          if (y < bbox.top - 1 || y > bbox.top + bbox.height + 1 || to <= from) continue;
          ctx.strokeStyle = ctx.fillStyle = limit.severity === "minor" || limit.severity === "info" ? AMBER : RED;
          ctx.beginPath(); ctx.moveTo(from, y); ctx.lineTo(to, y); ctx.stroke();
          const under = y - 4 * px <= bbox.top + 11 * px;
          const at = under ? y + 12 * px : y - 4 * px;
          if (at - last < 12 * px) continue;
          last = at;
          const left = limit.since && from - bbox.left > 90 * px;
          ctx.textAlign = left || !limit.since ? "right" : "left";
          ctx.fillText(fill(words.limit, { value: +limit.value.toFixed(Math.abs(limit.value) < 100 ? Math.max(2, decimals) : decimals) }), !limit.since ? to - 4 * px : left ? from - 4 * px : to + 4 * px, at);
        }
        ctx.restore();
      },
    },
  };
}

function doubtfulPlugin(lines) {
  return {
    hooks: {
      draw: (u) => {
        const { ctx } = u;
        const px = devicePixelRatio || 1;
        ctx.save();
        ctx.lineWidth = 1.5 * px;
        lines.forEach((line, n) => {
          ctx.strokeStyle = u.series[n + 1].stroke(u, n + 1); ctx.fillStyle = "#fff";
          line.doubtful.forEach((is, i) => {
            if (!is || line.at[i] < u.scales.x.min || line.at[i] > u.scales.x.max) return;
            ctx.beginPath();
            ctx.arc(u.valToPos(line.at[i], "x", true), u.valToPos(line.mean[i], "y", true), 3.2 * px, 0, 2 * Math.PI);
            ctx.fill(); ctx.stroke();
          });
        });
        ctx.restore();
      },
    },
  };
}

// What the tests of quality said: of single readings by their bucket, and of all in sight below.
const spelled = (checks) => checks.map((check) => words[`check-${check}`] ?? check).join(words["checks-sep"]);

function whyDoubtful(line, at) {
  const i = line.at.indexOf(at);
  if (i < 0 || !line.doubtful[i]) return "";
  const until = line.at[i + 1] ?? Infinity;
  const found = line.marked.filter((one) => one.quality === 3 && one.at >= at && one.at < until);
  return spelled([...new Set(found.flatMap((one) => one.checks))]);
}

function tellMarks(figure, lines) {
  const since = now() - hours * 3600e3;
  const marked = lines.flatMap((line) => line.marked).filter((one) => one.at >= since);
  const parts = [];
  for (const [word, quality] of [[words.marked, 3], [words.withheld, 4]]) {
    const some = marked.filter((one) => one.quality === quality);
    const counts = new Map();
    for (const check of some.flatMap((one) => one.checks)) counts.set(check, (counts.get(check) ?? 0) + 1);
    const checks = [...counts].map(([check, n]) => `${spelled([check])} ${n}`).join(words["checks-sep"]);
    if (some.length) parts.push(fill(word, { n: some.length, checks }));
  }
  const out = figure.querySelector(".marks");
  out.textContent = parts.join(" · ");
  out.hidden = !parts.length;
}

// The worst value of the incident that the page tells of, named where it stands.
function peakPlugin(lines, decimals) {
  return {
    hooks: {
      draw: (u) => {
        const { ctx, bbox } = u;
        const px = devicePixelRatio || 1;
        for (const span of data.spans) {
          if (span.incident !== incident || span.metric !== u.metric || u.flag) continue;
          const from = Date.parse(span.since), to = span.until ? Date.parse(span.until) : now();
          const worst = span.below ? "low" : "high";
          let top = null;
          for (const line of lines) {
            if ((line.port || "") !== (span.port || "")) continue;
            line.at.forEach((at, i) => {
              if (at < from || at > to || at < u.scales.x.min) return;
              if (!top || (span.below ? line[worst][i] < top.value : line[worst][i] > top.value)) top = { at, value: line[worst][i] };
            });
          }
          if (!top) continue;
          const x = u.valToPos(top.at, "x", true), y = u.valToPos(top.value, "y", true);
          const left = x > bbox.left + bbox.width * 0.72;
          ctx.save();
          ctx.fillStyle = RED;
          ctx.beginPath(); ctx.arc(x, y, 3.6 * px, 0, 2 * Math.PI); ctx.fill();
          ctx.font = `${11 * px}px ${css("font-family") || "sans-serif"}`;
          ctx.fillStyle = "#566663"; ctx.textBaseline = "alphabetic"; ctx.textAlign = left ? "right" : "left";
          const clock = local(top.at);
          const time = `${hours > 48 ? `${clock.getMonth() + 1}/${clock.getDate()} ` : ""}${two(clock.getHours())}:${two(clock.getMinutes())}`;
          ctx.fillText(`${time} ${fill(words.peak, { value: show(top.value, decimals) })}`, x + (left ? -8 : 8) * px, Math.max(y + 4 * px, bbox.top + 12 * px));
          ctx.restore();
        }
      },
    },
  };
}

// The lowest and highest value that is in sight, live ones included.
function edges(line) {
  const max = now(), min = max - hours * 3600e3; // the scale itself is still being made
  const seen = line.at.flatMap((at, i) => (at >= min && at <= max ? [line.low[i], line.high[i]] : []));
  return seen.length ? [seen.reduce((a, b) => Math.min(a, b)), seen.reduce((a, b) => Math.max(a, b))] : [];
}

const two = (n) => String(n).padStart(2, "0");

// Hours within two days, dates beyond, and the date wherever a day begins.
function ticks(u, splits) {
  return splits.map((ms) => {
    const at = local(ms);
    const date = `${at.getMonth() + 1}/${at.getDate()}`;
    const clock = `${two(at.getHours())}:${two(at.getMinutes())}`;
    return clock === "00:00" || hours > 24 * 20 ? date : clock;
  });
}

function draw() {
  const figures = [...box.querySelectorAll("figure")];
  for (const chart of charts) chart.destroy();
  charts = [];
  const until = now(), since = until - hours * 3600e3;
  figures.forEach((figure, at) => {
    const plot = figure.querySelector(".plot");
    const { metric } = figure.dataset;
    const decimals = Number(figure.dataset.decimals);
    const lines = data.lines.filter((line) => line.metric === metric && line.at.length);
    plot.replaceChildren();
    tellMarks(figure, data.lines.filter((line) => line.metric === metric));
    figure.classList.toggle("empty", !lines.length);
    if (!lines.length) {
      const empty = document.createElement("p");
      empty.className = "nodata";
      empty.textContent = box.dataset.none;
      plot.append(empty);
      return;
    }
    const limits = figure.hasAttribute("data-flag") ? [] : data.limits.filter((limit) => limit.metric === metric);
    const ports = lines.length > 1;
    const high = Math.max(...lines.flatMap((line) => line.high)), low = Math.min(...lines.flatMap((line) => line.low));
    // A line far off would press the curve flat: it is drawn when it is near what was measured.
    const reach = Math.max(high - low, Math.abs(high) * 0.1, 10 ** -decimals);
    const drawn = figure.hasAttribute("data-flag") ? [] : [...limits, ...moving(metric, limits)];
    const near = limits.filter((l) => l.value <= high + 2.5 * reach && l.value >= low - 2.5 * reach);
    const labelled = at === 0 || at === figures.length - 1;
    const options = {
      width: plot.clientWidth,
      height: (at === 0 ? (narrow.matches ? 150 : 170) : figure.hasAttribute("data-flag") ? 46 : 104) + (labelled && at ? 18 : 0),
      ms: 1,
      tzDate: (ms) => uPlot.tzDate(new Date(ms), zone),
      padding: [8, 18, 0, 0], // half of the last hour's five signs stands right of the plot
      legend: { show: false },
      cursor: { sync, y: false, focus: { prox: ports ? 24 : -1 }, drag: { x: false, y: false }, points: { size: 7 } },
      focus: { alpha: ports ? 0.35 : 1 },
      scales: {
        x: { time: true, min: since, max: until, range: () => [now() - hours * 3600e3, now()] },
        y: figure.hasAttribute("data-flag") ? { range: [-0.1, 1.1] } : {
          range: (u, lowest, highest) => {
            const all = [lowest, highest, ...(ports ? [] : edges(lines[0])), ...drawn.filter((l) => l.since || near.includes(l)).map((l) => l.value)].filter((v) => v != null);
            const bottom = Math.min(...all), top = Math.max(...all);
            const room = Math.max(top - bottom, 10 ** -decimals * 4) * 0.08;
            return [bottom >= 0 && bottom - room < 0 ? 0 : bottom - room, top + room];
          },
        },
      },
      axes: [
        { stroke: "#566663", grid: { stroke: "#e6ecea", width: 1 }, ticks: { show: false }, size: labelled ? 24 : 6, font: "11px system-ui", values: labelled ? ticks : (u, splits) => splits.map(() => ""), space: narrow.matches ? 58 : 80 },
        { stroke: "#566663", grid: { stroke: "#e6ecea", width: 1 }, ticks: { show: false }, size: 52, font: "11px system-ui", space: figure.hasAttribute("data-flag") ? 12 : 34,
          values: (u, splits) => figure.hasAttribute("data-flag") ? splits.map((v) => (v === 0 || v === 1 ? v : "")) : splits.map((v) => +v.toFixed(3)) },
      ],
      series: [
        {},
        ...lines.map((line, n) => ({
          label: line.port || line.device,
          stroke: chosen && ports ? (line.port === chosen ? RED : QUIET) : !ports ? colours[metric] ?? OTHER[at % OTHER.length] : OTHER[n % OTHER.length],
          width: chosen && line.port === chosen ? 2.2 : 1.6,
          points: { show: lines[n].at.length < 3 },
          spanGaps: false,
          paths: figure.hasAttribute("data-flag") ? uPlot.paths.stepped({ align: 1 }) : undefined,
        })),
      ],
      plugins: [spansPlugin(), ...(ports ? [] : [bandPlugin(lines[0])]), limitsPlugin(near, decimals), doubtfulPlugin(lines), peakPlugin(lines, decimals)],
      hooks: {
        setCursor: [
          (u) => {
            const out = figure.querySelector("output");
            const i = u.cursor.idx;
            if (i == null || u.cursor.left < 0) { out.textContent = figure.dataset.newest ?? ""; return; }
            const when = local(u.data[0][i]);
            const n = ports ? (u.focusedSeries ?? (chosen ? lines.findIndex((l) => l.port === chosen) + 1 : 0)) : 1;
            const clock = `${two(when.getHours())}:${two(when.getMinutes())}`;
            const name = n && ports ? `${lines[n - 1].port || lines[n - 1].device} · ` : "";
            const why = n ? whyDoubtful(lines[n - 1], u.data[0][i]) : "";
            out.textContent = (n ? `${clock} · ${name}${show(u.data[n][i], decimals)}` : clock) + (why && ` · ${why}`);
          },
        ],
        setSeries: [(u, n) => { u.focusedSeries = n || null; }],
      },
    };
    const newest = lines.length === 1 ? show(lines[0].mean.at(-1), decimals) : "";
    figure.dataset.newest = figure.hasAttribute("data-flag") ? figure.querySelector("output").textContent : newest;
    const out = figure.querySelector("output");
    if (newest && !figure.hasAttribute("data-flag")) out.textContent = newest;
    options.hooks.init = [(u) => { u.metric = metric; u.flag = figure.hasAttribute("data-flag"); }];
    const chart = new uPlot(options, columns(lines), plot);
    charts.push(chart);
  });
}

function join() {
  drawing = false;
  for (const [key, points] of pending) {
    const [device, port, metric] = key.split(" ");
    const line = data.lines.find((one) => one.device === device && one.port === port && one.metric === metric);
    if (!line) { refresh(); break; }
    for (const [at, value, quality, checks] of points) {
      if (checks) line.marked.push({ at, value, quality, checks });
      if (value == null || quality === 4 || quality === 9 || at <= (line.at.at(-1) ?? 0)) continue;
      line.at.push(at); line.mean.push(value); line.low.push(value); line.high.push(value); line.doubtful.push(quality === 3);
    }
  }
  pending = new Map();
  for (const chart of charts) {
    const lines = data.lines.filter((line) => line.metric === chart.metric && line.at.length);
    chart.setData(columns(lines));
    tellMarks(chart.root.closest("figure"), data.lines.filter((line) => line.metric === chart.metric));
    if (lines.length === 1) {
      const figure = chart.root.closest("figure");
      if (!figure.hasAttribute("data-flag")) {
        figure.dataset.newest = show(lines[0].mean.at(-1), Number(figure.dataset.decimals));
        if (chart.cursor.left == null || chart.cursor.left < 0) figure.querySelector("output").textContent = figure.dataset.newest;
      }
    }
  }
}

let refreshing = null;
function refresh() {
  clearTimeout(refreshing);
  refreshing = setTimeout(start, 400);
}

async function start() {
  try {
    data = await load();
    draw();
  } catch (error) {
    box.dataset.failed = error.message;
    const line = box.querySelector(".nodata") ?? box.appendChild(document.createElement("p"));
    line.className = "nodata";
    line.textContent = fill(words.chartfailed, { why: error.message });
  } finally {
    box.setAttribute("aria-busy", "false");
  }
}

listen({
  readings: (told) => {
    if (!data) return;
    for (const [where, port, metric, at, value, quality, checks] of told.rows) {
      if (where !== place) continue;
      const key = `${told.device} ${port} ${metric}`;
      if (!pending.has(key)) pending.set(key, []);
      pending.get(key).push([at, value, quality, checks]);
    }
    if (!drawing && pending.size) { drawing = true; setTimeout(join, 250); }
  },
  incidents: refresh,
  resync: refresh,
});
new ResizeObserver(() => {
  for (const chart of charts) {
    const width = chart.root.parentElement.clientWidth;
    if (width && width !== chart.width) chart.setSize({ width, height: chart.height });
  }
}).observe(box);
// The axis runs on by itself: a silent device shows as a gap that grows.
setInterval(() => { if (data && !drawing) for (const chart of charts) chart.setScale("x", { min: now() - hours * 3600e3, max: now() }); }, 5000);
setInterval(refresh, 120_000); // buckets and late readings come from the store
await start();
