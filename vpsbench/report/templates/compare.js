"use strict";
// Sorts every table by any of its columns, and hides the rows of runs that do not fit the filter.
const tables = [...document.querySelectorAll("table.sortable")];

function key(cell) {
  const value = cell.dataset.v;
  if (value === undefined) return cell.textContent.trim();
  return value === "" ? null : Number(value);
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null); // what is missing stays last
  return typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
}

function sort(table, column, head) {
  const down = head.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [key(row.cells[column]), row]);
  rows.sort(([a], [b]) => (a === null || b === null || !down ? compare(a, b) : compare(b, a)));
  body.append(...rows.map(([, row]) => row));
}

for (const table of tables) {
  [...table.tHead.rows[0].cells].forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, column, head));
  });
}

const texts = new Map();
for (const row of tables[0].tBodies[0].rows) texts.set(row.dataset.run, row.textContent.toLowerCase());

const filter = document.getElementById("filter");
function apply() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (run) => words.every((word) => texts.get(run).includes(word));
  const shown = new Set([...texts.keys()].filter(fits));
  for (const row of document.querySelectorAll("tr[data-run]")) row.hidden = !shown.has(row.dataset.run);
  document.getElementById("count").textContent = words.length ? `${shown.size} of ${texts.size} runs` : "";
}
filter.addEventListener("input", apply);
document.querySelector(".filter").hidden = false;
