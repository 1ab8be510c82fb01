"use strict";
const plots = [...document.querySelectorAll(".plot")];

const PAPER = { ink: "#000", rule: "#ccc", sheet: "#fff", width: 680 };

function screen() {
  const style = getComputedStyle(document.documentElement);
  const read = (name) => style.getPropertyValue(name).trim();
  return { ink: read("--ink"), rule: read("--rule"), sheet: read("--sheet"), width: null };
}

function dressed(layout, { ink, rule, sheet, width }) {
  const update = { width, autosize: width === null, "font.color": ink, "font.family": "inherit" };
  update["hoverlabel.bgcolor"] = sheet;
  update["hoverlabel.font.color"] = ink;
  for (const axis of Object.keys(layout).filter((key) => /^[xy]axis/.test(key))) {
    update[axis + ".gridcolor"] = rule;
    update[axis + ".zerolinecolor"] = rule;
    update[axis + ".linecolor"] = rule;
  }
  return update;
}

async function draw(place) {
  const figure = JSON.parse(document.querySelector(`script[data-for="${place.id}"]`).textContent);
  await Plotly.newPlot(place, figure.data, figure.layout, { responsive: true, displayModeBar: false });
  await Plotly.relayout(place, dressed(place.layout, screen()));
}

const dress = (look) => plots.forEach((place) => Plotly.relayout(place, dressed(place.layout, look)));

plots.forEach(draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => dress(screen()));
addEventListener("beforeprint", () => dress(PAPER));
addEventListener("afterprint", () => dress(screen()));
