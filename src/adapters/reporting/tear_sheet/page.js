"use strict";
// Draws every chart from the specifications in the page, in the colours of the reader's scheme.
const PALETTES = {
  light: {
    own: "#0068a8", held: "#6b7682", btc: "#9a6400", loss: "#c14a00", up: "#8fa1b3", down: "#3d4854",
    ink: "#171c22", muted: "#59636e", line: "#dfe3e8", paper: "#ffffff",
  },
  dark: {
    own: "#58b4ea", held: "#8d99a6", btc: "#e3b04b", loss: "#f2914e", up: "#c3ccd6", down: "#5d6a78",
    ink: "#e8ebef", muted: "#9aa5b1", line: "#2b333d", paper: "#161b22",
  },
};
const SPECS = JSON.parse(document.getElementById("specs").textContent);
const DARK = window.matchMedia("(prefers-color-scheme: dark)");
let printing = false;

function palette() {
  return PALETTES[DARK.matches && !printing ? "dark" : "light"];
}

function paint(value, colours) {
  if (typeof value === "string" && value.startsWith("@")) {
    const [name, share] = value.slice(1).split("/");
    const alpha = share ? Math.round(Number(share) * 2.55).toString(16).padStart(2, "0") : "";
    return colours[name] + alpha;
  }
  if (Array.isArray(value)) {
    return typeof value[0] === "number" ? value : value.map((one) => paint(one, colours));
  }
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, paint(v, colours)]));
  }
  return value;
}

function template(colours, narrow) {
  const axis = {
    gridcolor: colours.line, linecolor: colours.line, zeroline: false, automargin: true,
    tickfont: { color: colours.muted, size: 12 }, title: { font: { size: 12.5, color: colours.muted } },
    nticks: narrow ? 5 : undefined, fixedrange: narrow,
  };
  return {
    layout: {
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: getComputedStyle(document.body).fontFamily, color: colours.ink, size: 13 },
      margin: { l: narrow ? 44 : 60, r: 8, t: 34, b: 34 },
      xaxis: { ...axis, showgrid: false }, yaxis: axis,
      hoverlabel: { bgcolor: colours.paper, bordercolor: colours.line, font: { color: colours.ink } },
      legend: { font: { color: colours.ink, size: 12.5 } },
    },
  };
}

function draw(box) {
  if (box.hidden) return;
  const narrow = box.clientWidth < 520;
  const colours = palette();
  const spec = paint(SPECS[box.id], colours);
  const layout = { ...spec.layout, template: template(colours, narrow), autosize: true };
  if (narrow) {
    for (const name of ["yaxis", "yaxis2"]) if (layout[name]) delete layout[name].title;
    layout.height = Math.min(layout.height, 380);
  }
  const config = {
    displaylogo: false, responsive: true, displayModeBar: false, scrollZoom: false,
  };
  const zoom = box.layout && box.layout.xaxis && box.layout.xaxis.range;
  if (zoom) layout.xaxis = { ...layout.xaxis, range: zoom };
  const bars = spec.data.find((one) => one.type === "candlestick");
  if (bars) layout.yaxis = { ...layout.yaxis, range: reach(bars, layout.xaxis.range) };
  const first = !box.layout;
  Plotly.react(box, spec.data, layout, config);
  if (bars && first) {
    box.on("plotly_relayout", (change) => {
      if (!Object.keys(change).some((key) => key.startsWith("xaxis"))) return;
      Plotly.relayout(box, { "yaxis.range": reach(bars, box.layout.xaxis.range) });
    });
  }
}

// Prices of the bars in view, with a little air: plotly would scale to all of them.
function reach(bars, range) {
  const [from, to] = range.map((one) => (typeof one === "number" ? one : Date.parse(`${one.replace(" ", "T")}Z`)));
  let low = Infinity;
  let high = -Infinity;
  bars.x.forEach((at, i) => {
    if (at < from || at > to) return;
    low = Math.min(low, bars.low[i]);
    high = Math.max(high, bars.high[i]);
  });
  const air = (high - low) * 0.06;
  return high > low ? [low - air, high + air] : undefined;
}

function drawAll() {
  document.querySelectorAll(".chart").forEach(draw);
}

document.querySelectorAll(".tabs").forEach((tabs) => {
  tabs.addEventListener("click", (event) => {
    const chosen = event.target.closest("button");
    if (!chosen) return;
    for (const button of tabs.children) {
      const on = button === chosen;
      button.setAttribute("aria-selected", String(on));
      document.getElementById(button.dataset.chart).hidden = !on;
    }
    draw(document.getElementById(chosen.dataset.chart));
  });
});
DARK.addEventListener("change", drawAll);
window.addEventListener("beforeprint", () => { printing = true; drawAll(); });
window.addEventListener("afterprint", () => { printing = false; drawAll(); });
drawAll();
document.documentElement.dataset.ready = "yes";
