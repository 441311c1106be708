"use strict";
// Draws each chart once more, as wide as the page; those over time can be zoomed together. The still picture is hidden
// only when its live one stands; whatever fails here leaves the page as it was.
(async () => {
  const specs = JSON.parse(document.getElementById("specs").textContent);
  const figures = [...document.querySelectorAll("figure[data-chart]")];
  const views = [];
  let whole = null;
  let shown = null;

  const width = (figure) => figure.clientWidth - 80; // less the y axis, and half a label at the end

  const show = ([from, to]) => {
    const length = Math.max(Math.min(to - from, whole), whole / 1e4);
    const start = Math.min(Math.max(from, 0), whole - length);
    shown = [start, start + length];
    for (const view of views) view.signal("from", shown[0]).signal("to", shown[1]).runAsync();
  };

  const steps = {
    in: ([a, b]) => [a + (b - a) / 4, b - (b - a) / 4],
    out: ([a, b]) => [a - (b - a) / 2, b + (b - a) / 2],
    earlier: ([a, b]) => [a - (b - a) / 2, b - (b - a) / 2],
    later: ([a, b]) => [a + (b - a) / 2, b + (b - a) / 2],
    all: () => [0, whole],
  };

  const drag = (holder, view) => {
    let start = null;
    const mark = document.createElement("div");
    mark.className = "mark";
    const at = (event) => event.clientX - holder.getBoundingClientRect().left;
    holder.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "touch" || event.button !== 0) return; // a finger scrolls the page
      start = at(event);
      holder.setPointerCapture(event.pointerId);
      holder.append(mark);
      mark.style.width = 0;
    });
    holder.addEventListener("pointermove", (event) => {
      if (start === null) return;
      mark.style.left = `${Math.min(start, at(event))}px`;
      mark.style.width = `${Math.abs(at(event) - start)}px`;
    });
    holder.addEventListener("pointercancel", () => { start = null; mark.remove(); });
    holder.addEventListener("pointerup", (event) => {
      if (start === null) return;
      const ends = [start, at(event)].sort((a, b) => a - b);
      start = null;
      mark.remove();
      const [left] = view.origin();
      const axis = view.scale("x");
      if (ends[1] - ends[0] > 4) show(ends.map((x) => axis.invert(x - left)));
    });
  };

  for (const figure of figures) {
    const spec = specs[figure.dataset.chart];
    const holder = document.createElement("div");
    holder.className = "live";
    figure.querySelector(".still").after(holder);
    try {
      const fitted = { ...spec, width: width(figure) };
      if (fitted.width < spec.width) { // a telephone: the legend takes several lines
        fitted.config = { ...spec.config, legend: { ...spec.config.legend, columns: 2 } };
      }
      const settings = { actions: false, ast: true, defaultStyle: false, renderer: "svg", tooltip: false };
      const { view } = await vegaEmbed(holder, fitted, settings);
      if (spec.params) { // it has the shared time axis
        views.push(view);
        whole = view.signal("to");
        drag(holder, view);
        holder.classList.add("timed");
      }
      window.addEventListener("resize", () => view.signal("width", width(figure)).runAsync());
      figure.classList.add("drawn");
    } catch (error) {
      holder.remove();
      console.warn("vpsbench: this chart stays a still picture:", error);
    }
  }
  if (!views.length) return;
  shown = [0, whole];
  const tools = document.querySelector(".tools");
  tools.hidden = false;
  tools.addEventListener("click", (event) => {
    const step = steps[event.target.dataset.zoom];
    if (step) show(step(shown));
  });
})();
