"use strict";
document.body.classList.add("js");

async function unpack(element) {
  const bytes = Uint8Array.from(atob(element.textContent.trim()), (each) => each.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

// Figures: plotly is unpacked for the first that comes into view, and each is drawn when it does.
let plotly;
async function load() {
  const script = document.createElement("script");
  script.textContent = await unpack(document.getElementById("plotly"));
  document.head.append(script);
}
async function draw(place) {
  plotly ??= load();
  const figure = JSON.parse(await unpack(place.querySelector("script")));
  await plotly;
  const options = { responsive: true, displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  await Plotly.newPlot(place, figure.data, figure.layout, options);
}
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((each) => each.isIntersecting)) {
    seen.unobserve(entry.target);
    draw(entry.target);
  }
}, { rootMargin: "400px" });
document.querySelectorAll(".plot").forEach((place) => seen.observe(place));

// Trials: all are in memory, one page of them in the document.
const SIZE = 50;
const table = document.getElementById("trials");
async function list() {
  const { lines, address, command } = JSON.parse(await unpack(document.getElementById("lines")));
  const filter = document.getElementById("filter"), said = document.getElementById("said");
  const [back, on] = [document.getElementById("back"), document.getElementById("on")];
  const words = lines.map((line) => line.join(" ").toLowerCase());
  let order = lines.map((_, index) => index), column = 2, up = false, from = 0, chosen = order;

  function cell(row, content, name) {
    const made = row.insertCell();
    if (name) made.className = name;
    made.append(content ?? "");
    return made;
  }
  function show() {
    chosen = order.filter((index) => filter.value.toLowerCase().split(/\s+/).every((word) => words[index].includes(word)));
    from = Math.max(0, Math.min(from, chosen.length - 1));
    from -= from % SIZE;
    const body = document.createElement("tbody");
    for (const index of chosen.slice(from, from + SIZE)) {
      const [trial, state, auroc, deviation, settings, best, run] = lines[index], row = body.insertRow();
      cell(row, String(trial));
      cell(row, state);
      cell(row, auroc === null ? "" : auroc.toFixed(1) + (deviation === null ? "" : " ± " + deviation.toFixed(1)));
      cell(row, settings, "words");
      cell(row, best, "words");
      const copy = document.createElement("button"), text = command.replace("{trial}", trial);
      copy.textContent = "copy";
      copy.title = text;
      copy.onclick = () => navigator.clipboard.writeText(text).then(() => { copy.textContent = "copied"; }, () => prompt("", text));
      cell(row, copy);
      if (address) {
        const link = document.createElement("a");
        link.href = address + run;
        link.textContent = "run";
        cell(row, run ? link : "");
      }
    }
    table.tBodies[0].replaceWith(body);
    const last = Math.min(from + SIZE, chosen.length);
    said.textContent = chosen.length ? `${from + 1} to ${last} of ${chosen.length}` : "no trial has these words";
    back.disabled = from === 0;
    on.disabled = last === chosen.length;
    table.querySelectorAll("th").forEach((head) => {
      const own = Number(head.dataset.column) === column;
      head.setAttribute("aria-sort", own ? (up ? "ascending" : "descending") : "none");
      if (head.firstElementChild) head.firstElementChild.textContent = head.dataset.name + (own ? (up ? " ↑" : " ↓") : "");
    });
  }
  function compare(one, other) {
    const [a, b] = [lines[one][column], lines[other][column]];
    if (a === null || b === null) return (a === null) - (b === null) || one - other;
    const found = typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
    return (up ? found : -found) || one - other;
  }
  table.querySelectorAll("th[data-column]").forEach((head) => {
    head.dataset.name = head.textContent;
    const button = document.createElement("button");
    button.onclick = () => {
      const own = Number(head.dataset.column);
      up = own === column ? !up : own !== 2;
      column = own;
      from = 0;
      order = order.slice().sort(compare);
      show();
    };
    head.replaceChildren(button);
  });
  filter.oninput = () => { from = 0; show(); };
  back.onclick = () => { from -= SIZE; show(); };
  on.onclick = () => { from += SIZE; show(); };
  show();
}
if (table) list();
