// Draws the charts of the page from the data in #charts, in the colours of the page's theme.
(() => {
  "use strict";
  const specifications = JSON.parse(document.getElementById("charts").textContent);
  const drawn = [];
  const percent = (fraction) => (100 * fraction).toFixed(1) + "%";

  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const value = (name) => style.getPropertyValue(name).trim();
    return {ink: value("--ink"), soft: value("--soft"), line: value("--line"), muted: value("--muted"),
            accent: value("--accent"), series: value("--series").split(",").map((colour) => colour.trim())};
  };

  // Whiskers from the low to the high end of each bar's interval.
  const whiskers = {
    id: "whiskers",
    afterDatasetsDraw(chart) {
      const horizontal = chart.options.indexAxis === "y";
      const scale = chart.scales[horizontal ? "x" : "y"];
      const context = chart.ctx;
      context.save();
      context.strokeStyle = theme().ink;
      context.lineWidth = 1.2;
      chart.data.datasets.forEach((dataset, index) => {
        chart.getDatasetMeta(index).data.forEach((bar, row) => {
          const ends = dataset.intervals && dataset.intervals[row];
          if (!ends) return;
          const [low, high] = ends.map((end) => scale.getPixelForValue(end));
          const centre = horizontal ? bar.y : bar.x;
          const cap = Math.min(5, (horizontal ? bar.height : bar.width) / 3);
          const line = (x1, y1, x2, y2) => {
            context.moveTo(...(horizontal ? [y1, x1] : [x1, y1]));
            context.lineTo(...(horizontal ? [y2, x2] : [x2, y2]));
          };
          context.beginPath();
          line(centre, low, centre, high);
          line(centre - cap, low, centre + cap, low);
          line(centre - cap, high, centre + cap, high);
          context.stroke();
        });
      });
      context.restore();
    },
  };

  const axis = (colours, title, values) => ({
    title: {display: Boolean(title), text: title, color: colours.soft},
    grid: {color: values ? colours.line : "transparent", borderColor: colours.line},
    ticks: values ? {color: colours.soft, callback: (tick) => Math.round(tick * 100) + "%"}
                  : {color: colours.ink, autoSkip: false},
    ...(values ? {min: 0, max: 1} : {}),
  });

  const bars = (specification, colours) => ({
    type: "bar",
    data: {
      labels: specification.labels,
      datasets: specification.series.map((series, index) => ({
        label: series.name,
        data: series.values,
        intervals: series.intervals,
        backgroundColor: specification.highlight.length === 0
          ? colours.series[index % colours.series.length]
          : specification.labels.map((_, row) => specification.highlight.includes(row) ? colours.accent : colours.muted),
        maxBarThickness: 42,
        minBarLength: 2,
      })),
    },
    options: {
      indexAxis: specification.horizontal ? "y" : "x",
      scales: specification.horizontal
        ? {x: axis(colours, specification.axis, true), y: axis(colours, "", false)}
        : {y: axis(colours, specification.axis, true), x: axis(colours, "", false)},
      plugins: {
        legend: {display: specification.series.length > 1, position: "bottom", labels: {color: colours.ink, boxWidth: 14}},
        tooltip: {callbacks: {label: (item) => {
          const ends = item.dataset.intervals && item.dataset.intervals[item.dataIndex];
          return `${item.dataset.label}: ${percent(item.raw)}` + (ends ? ` (95%: ${percent(ends[0])} to ${percent(ends[1])})` : "");
        }}},
      },
    },
    plugins: [whiskers],
  });

  const lines = (specification, colours) => ({
    type: "line",
    data: {
      datasets: specification.lines.map((line, index) => ({
        label: line.name,
        data: line.points.map(([x, y]) => ({x, y})),
        borderColor: line.dashed ? colours.soft : colours.series[index % colours.series.length],
        backgroundColor: line.dashed ? colours.soft : colours.series[index % colours.series.length],
        borderDash: line.dashed ? [5, 5] : [],
        borderWidth: 2,
        pointRadius: line.dashed || line.points.length > 30 ? 0 : 3,
      })),
    },
    options: {
      scales: {x: {...axis(colours, specification.x_axis, true), type: "linear"}, y: axis(colours, specification.y_axis, true)},
      plugins: {
        legend: {position: "bottom", labels: {color: colours.ink, boxWidth: 14}},
        tooltip: {callbacks: {label: (item) => `${item.dataset.label}: ${percent(item.raw.x)}, ${percent(item.raw.y)}`}},
      },
    },
  });

  // Whiskers through each point along both axes.
  const crosses = {
    id: "crosses",
    beforeDatasetsDraw(chart) {
      const {x, y} = chart.scales;
      const context = chart.ctx;
      const cap = 4;
      context.save();
      context.lineWidth = 1.2;
      for (const dataset of chart.data.datasets) {
        const [point] = dataset.data;
        const line = (x1, y1, x2, y2) => { context.moveTo(x1, y1); context.lineTo(x2, y2); };
        context.strokeStyle = dataset.borderColor;
        context.beginPath();
        if (point.x_interval) {
          const [low, high] = point.x_interval.map((end) => x.getPixelForValue(end));
          const centre = y.getPixelForValue(point.y);
          line(low, centre, high, centre);
          for (const end of [low, high]) line(end, centre - cap, end, centre + cap);
        }
        if (point.y_interval) {
          const [low, high] = point.y_interval.map((end) => y.getPixelForValue(end));
          const centre = x.getPixelForValue(point.x);
          line(centre, low, centre, high);
          for (const end of [low, high]) line(centre - cap, end, centre + cap, end);
        }
        context.stroke();
      }
      context.restore();
    },
  };

  const pointStyles = ["circle", "triangle", "rect", "rectRot", "star", "crossRot", "cross", "rectRounded"];
  const between = (ends) => ends ? ` (${percent(ends[0])} to ${percent(ends[1])})` : "";

  const points = (specification, colours) => ({
    type: "scatter",
    data: {
      datasets: specification.points.map((point, index) => ({
        label: point.name,
        data: [point],
        borderColor: colours.series[index % colours.series.length],
        backgroundColor: colours.series[index % colours.series.length],
        pointStyle: pointStyles[index % pointStyles.length],
        pointRadius: 6,
        pointHoverRadius: 8,
      })),
    },
    options: {
      scales: {x: axis(colours, specification.x_axis, true), y: axis(colours, specification.y_axis, true)},
      plugins: {
        legend: {position: "bottom", labels: {color: colours.ink, usePointStyle: true}},
        tooltip: {callbacks: {label: (item) =>
          `${item.dataset.label}: ${percent(item.raw.x)}${between(item.raw.x_interval)}, ${percent(item.raw.y)}${between(item.raw.y_interval)}`}},
      },
    },
    plugins: [crosses],
  });

  const kinds = {bars, lines, points};

  const draw = () => {
    const colours = theme();
    specifications.forEach((specification, index) => {
      const made = kinds[specification.kind](specification, colours);
      Object.assign(made.options, {responsive: true, maintainAspectRatio: false, animation: false});
      if (drawn[index]) {
        Object.assign(drawn[index], {data: made.data, options: made.options});
        drawn[index].update("none");
      } else {
        drawn.push(new Chart(document.getElementById("chart-" + index), made));
      }
    });
    document.documentElement.dataset.chartsDrawn = String(drawn.length);
  };

  const download = (name, blob) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(blob);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  // As it is on the page, on its paper.
  const savePicture = (canvas, name) => {
    const sheet = document.createElement("canvas");
    [sheet.width, sheet.height] = [canvas.width, canvas.height];
    const context = sheet.getContext("2d");
    context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--paper").trim();
    context.fillRect(0, 0, sheet.width, sheet.height);
    context.drawImage(canvas, 0, 0);
    sheet.toBlob((blob) => download(name + ".png", blob));
  };

  // The figure for print, which readers without scripts see.
  const saveFigure = (figure, name) => {
    const text = figure.querySelector("noscript").textContent;
    download(name + ".svg", new Blob([text], {type: "image/svg+xml"}));
  };

  const addSaveButtons = (index) => {
    const canvas = document.getElementById("chart-" + index);
    const figure = canvas.closest("figure");
    const title = canvas.getAttribute("aria-label");
    const row = document.createElement("div");
    row.className = "save";
    for (const [word, save] of [["SVG", () => saveFigure(figure, "plot-" + (index + 1))],
                                ["PNG", () => savePicture(canvas, "plot-" + (index + 1))]]) {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "Save " + word;
      button.setAttribute("aria-label", `Save as ${word}: ${title}`);
      button.addEventListener("click", save);
      row.append(button);
    }
    figure.append(row);
  };

  // Tables that are wider than their box say so and can be reached by keys; the others are no stop on the way.
  const markScrolling = () => {
    for (const box of document.querySelectorAll(".scroll")) {
      const scrolls = box.scrollWidth > box.clientWidth;
      box.previousElementSibling.classList.toggle("shown", scrolls);
      if (scrolls) box.setAttribute("tabindex", "0"); else box.removeAttribute("tabindex");
    }
  };

  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  draw();
  specifications.forEach((_, index) => addSaveButtons(index));
  markScrolling();
  addEventListener("resize", markScrolling);
  document.addEventListener("toggle", markScrolling, true);  // what was folded had no width
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  // Fingers: without a listener some browsers never call a button pressed, and a long press opens a menu.
  addEventListener("touchstart", () => {}, {passive: true});
  addEventListener("contextmenu", (event) => {
    if (event.target.closest(".pictures button")) event.preventDefault();
  });
  // Paper is white, narrower than most windows, and cannot be unfolded.
  let folded = [];
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.printing = "";
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((element) => { element.open = true; });
    draw();
    drawn.forEach((chart) => chart.resize(660, chart.height));
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.printing;
    folded.forEach((element) => { element.open = false; });
    draw();
  });
})();
