"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Tables sort by full values, missing ones last, and are copied as tab-separated text
  const sortKey = cell => cell.dataset.v.split("\t")[0];
  for (const button of all("thead button")) {
    button.addEventListener("click", () => {
      const head = button.closest("th"), body = head.closest("table").tBodies[0], column = head.cellIndex;
      const descending = head.getAttribute("aria-sort") === "ascending";
      const numeric = head.classList.contains("number");
      const order = (rowA, rowB) => {
        const a = sortKey(rowA.cells[column]), b = sortKey(rowB.cells[column]);
        if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);
        const sign = numeric ? a - b : a.localeCompare(b, undefined, { numeric: true });
        return descending ? -sign : sign;
      };
      all("th[aria-sort]", head.parentNode).forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      body.append(...[...body.rows].sort(order));
    });
  }
  const tableText = table => [...table.rows].map(row =>
    [...row.cells].map(cell => cell.dataset.names ?? cell.dataset.v).join("\t")).join("\n");
  const copy = async text => {
    try { await navigator.clipboard.writeText(text); } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };
  for (const button of all(".copy")) {
    button.addEventListener("click", async () => {
      const source = button.parentNode.nextElementSibling, label = button.textContent;
      const isTable = button.dataset.copy === "table";
      await copy(isTable ? tableText(source.querySelector("table")) : source.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 1500);
    });
  }

  // The style sheet defines the colors; a hidden element reads them in the current theme
  const probe = document.createElement("i");
  probe.hidden = true;
  document.body.append(probe);
  const color = name => { probe.style.color = `var(--${name})`; return getComputedStyle(probe).color; };
  const faded = (name, share) => color(name).replace("rgb(", "rgba(").replace(")", `, ${share})`);
  const number = label => data.colors[label];
  const tone = label => `s${number(label) % 8}`;
  const dash = label => ["solid", "dash", "dot", "dashdot"][Math.floor(number(label) / 8) % 4];

  // Labels are text, which plotly would read as markup
  const escaped = text => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const brief = (text, most) => escaped(text.length > most ? text.slice(0, most - 1) + "…" : text);
  const wrap = (text, most) => {
    const lines = [""];
    for (const word of text.split(/\s+/)) {
      const line = lines[lines.length - 1];
      if (line && line.length + word.length >= most) lines.push(word);
      else lines[lines.length - 1] = line ? `${line} ${word}` : word;
    }
    return lines.slice(0, 2).map(line => brief(line, most)).join("<br>") + (lines.length > 2 ? " …" : "");
  };
  const shown = value => value == null ? "–" : String(+value.toPrecision(5));
  const chosen = name => document.querySelector(`input[name="${name}"]:checked`).value;
  const isNarrow = width => width < 560;

  const config = {
    displaylogo: false, displayModeBar: "hover", responsive: false, scrollZoom: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d", "zoomIn2d", "zoomOut2d"],
  };
  const layout = (width, extra) => ({
    width, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", showlegend: false,
    font: { family: getComputedStyle(document.body).fontFamily, size: 13, color: color("ink") },
    hoverlabel: {
      bgcolor: color("raised"), bordercolor: color("line"), font: { color: color("ink") }, align: "left",
    },
    modebar: { bgcolor: "rgba(0,0,0,0)", color: color("soft"), activecolor: color("ink") },
    ...extra,
  });
  const axis = extra => ({
    gridcolor: color("line"), linecolor: color("line"), zeroline: false, ticks: "", fixedrange: false,
    tickfont: { color: color("soft") }, ...extra,
  });
  const title = (text, standoff = 8) => ({ text, standoff, font: { size: 12, color: color("soft") } });

  // A row for each loss: its name stands beside the row, or above it where the page is narrow
  const rowAxis = (labels, narrow, top) => axis({
    range: [labels.length - 0.5, narrow ? top : -0.6], showgrid: false, fixedrange: true,
    automargin: !narrow, showticklabels: !narrow, tickfont: { color: color("ink") },
    tickvals: labels.map((_, row) => row), ticktext: labels.map(label => wrap(label, 26) + "  "),
  });
  const rowTitles = (labels, width, yshift) => !isNarrow(width) ? [] : labels.map((label, row) => ({
    x: 0, xref: "paper", xanchor: "left", y: row, yshift, text: brief(label, Math.floor(width / 8)),
    showarrow: false, font: { size: 12 },
  }));

  const intervals = (element, width) => {
    const groups = data.groups.filter(group => group.data === element.dataset.data);
    const center = chosen("center"), narrow = isNarrow(width), traces = [];
    groups.forEach((group, row) => {
      const name = tone(group.label);
      const known = group.scores.map((score, n) => [score, group.seeds[n]]).filter(([score]) => score != null);
      traces.push({
        type: "scatter", mode: "markers", x: known.map(([score]) => score), customdata: known.map(([, seed]) => seed),
        y: known.map((_, n) => row + 0.2 * Math.sin(2.4 * n)), marker: { color: faded(name, 0.42), size: 6 },
        hovertemplate: `${brief(group.label, 40).replace(/%\{/g, "% {")}<br>seed %{customdata}: %{x:.5~g}<extra></extra>`,
      });
      const value = group[center], [low, high] = group[`${center}_ci95`];
      if (value == null) return;
      traces.push({
        type: "scatter", mode: "lines", x: [low ?? value, high ?? value], y: [row, row], hoverinfo: "skip",
        line: { color: color(name), width: 4 },
      }, {
        type: "scatter", mode: "markers", x: [value], y: [row], hoverinfo: "text",
        hovertext: `${brief(group.label, 40)}<br>${center} ${shown(value)}<br>95% interval ${shown(low)} to ${shown(high)}`,
        marker: { symbol: "diamond", size: 12, color: color(name), line: { color: color("paper"), width: 1.5 } },
      });
    });
    const labels = groups.map(group => group.label);
    const references = data.references.filter(reference => reference.data === element.dataset.data);
    references.forEach(({ name, mean }) => traces.unshift({
      type: "scatter", mode: "lines", x: [mean, mean], y: [labels.length - 0.5, narrow ? -0.75 : -0.6], name,
      showlegend: true, hoverinfo: "text", hovertext: `${name}<br>mean ${shown(mean)}`,
      line: { color: color("soft"), width: 1.5, dash: { constant: "solid", linear: "dash", boosting: "dot" }[name] },
    }));
    const top = references.length ? 40 : 8;
    return [traces.map(trace => ({ showlegend: false, ...trace })), layout(width, {
      height: groups.length * (narrow ? 58 : 46) + 56 + top, hovermode: "closest",
      showlegend: references.length > 0,
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)" },
      margin: { l: narrow ? 2 : 10, r: 12, t: top, b: 46 },
      xaxis: axis({ title: title(escaped(data.metric)), nticks: narrow ? 5 : 10 }),
      yaxis: rowAxis(labels, narrow, -0.75), annotations: rowTitles(labels, width, 22),
    })];
  };

  // Lines against a number: each has a band, crosses where seeds diverged, and a ring at the tuned value
  const lineTraces = (line, narrow, marks) => {
    const ink = color(tone(line.label)), group = String(number(line.label)), traces = [];
    const silent = { type: "scatter", x: line.x, hoverinfo: "skip", showlegend: false, legendgroup: group };
    if (line.low) {
      const edge = { ...silent, mode: "lines", line: { width: 0 } };
      const fillcolor = faded(tone(line.label), 0.16);
      traces.push({ ...edge, y: line.low }, { ...edge, y: line.high, fill: "tonexty", fillcolor });
    }
    traces.push({
      type: "scatter", mode: line.x.length === 1 ? "markers" : marks ? "lines+markers" : "lines", x: line.x, y: line.y,
      name: brief(line.label, narrow ? 34 : 48), legendgroup: group, hovertemplate: "%{y:.5~g}",
      line: { color: ink, width: 2, dash: dash(line.label) }, marker: { size: 7, color: ink },
    });
    for (const [symbol, size, at] of [["x-thin", 13, line.crosses ?? []], ["circle-open", 16, line.rings ?? []]]) {
      if (at.length) traces.push({
        ...silent, mode: "markers", x: at.map(n => line.x[n]), y: at.map(n => line.y[n]),
        marker: { symbol, size, color: ink, line: { width: 2, color: ink } },
      });
    }
    return traces;
  };
  const lineChart = (width, lines, { x, y, reach, log = false, logY = false, values = [], marks = false }) => {
    const narrow = isNarrow(width);
    const rows = narrow ? lines.length : Math.ceil(lines.length / (width < 800 ? 2 : 3)); // of the legend
    const ticks = values.length && values.length <= 8
      ? { tickmode: "array", tickvals: values, ticktext: values.map(String) } : {};
    return [lines.flatMap(line => lineTraces(line, narrow, marks)), layout(width, {
      height: 384 + 22 * rows, hovermode: "x unified", showlegend: true,
      legend: {
        orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom", bgcolor: "rgba(0,0,0,0)",
        font: { color: color("ink") },
      },
      margin: { l: 10, r: 12, t: 38 + 22 * rows, b: 46 }, // room for the legend and the tools above it
      xaxis: axis({ title: title(escaped(x)), showgrid: false, ...(log ? { type: "log" } : {}), ...ticks }),
      yaxis: axis({
        title: title(escaped(y), 10), automargin: true,
        ...(reach ? { range: logY ? reach.map(Math.log10) : reach } : {}),
        ...(logY ? { type: "log", dtick: 1, exponentformat: "power" } : {}),
      }),
    })];
  };
  const indices = (list, test) => list.flatMap((value, n) => test(value) ? [n] : []);

  const learningCurves = (element, width) => {
    const name = chosen("curve");
    const lines = data.learningCurves.filter(curve => curve.columns[name]).map(curve => {
      const { median, low, high } = curve.columns[name];
      return { label: curve.label, x: curve.epoch, y: median, ...(curve.seeds > 1 ? { low, high } : {}) };
    });
    return lineChart(width, lines, { x: "epoch", y: name });
  };

  const lossCurves = (element, width) => {
    const part = chosen("part"), name = element.dataset.axis;
    const curves = data.lossCurves.filter(curve => curve.axis === name);
    const lines = curves.map(curve => ({ label: curve.label, x: curve.x, y: curve[part] }));
    return lineChart(width, lines, { x: name, y: part });
  };

  const seriesLine = (line, series) => ({
    label: line.label, x: line.x, y: series.mean, low: series.low, high: series.high,
    crosses: indices(series.diverged, count => count),
  });

  const robustness = (element, width) => {
    const panel = data.robustness[element.dataset.panel];
    const lines = panel.lines.map(line => seriesLine(line, line.test));
    return lineChart(width, lines, { x: panel.key, y: data.metric, log: panel.log, values: panel.x, marks: true });
  };

  const tuning = (element, width) => {
    const panel = data.tuning[element.dataset.panel], part = element.dataset.part, { reach } = panel;
    const lines = panel.lines.map(line => ({
      ...seriesLine(line, line[part]), rings: indices(line.x, x => x === line.tuned),
      low: line[part].low.map(end => Math.max(end, reach[0])), // a logarithmic axis has no zero
    }));
    const [traces, form] = lineChart(width, lines, {
      x: panel.key, y: `${part}/${data.metricName}`, log: panel.log, values: panel.x, marks: true, reach, logY: panel.log_y,
    });
    if (panel.same != null) traces.unshift({
      type: "scatter", mode: "lines", x: [panel.same, panel.same], y: reach, hoverinfo: "skip", showlegend: false,
      line: { color: color("soft"), width: 1.5, dash: "dot" },
    });
    return [traces, form];
  };

  const ranks = (element, width) => {
    const { rows, ties } = data.ranking, narrow = isNarrow(width), soft = color("soft");
    const traces = rows.flatMap(({ label, rank }, y) => [{
      type: "scatter", mode: "lines", x: [1, rank], y: [y, y], hoverinfo: "skip",
      line: { color: faded(tone(label), 0.4), width: 4 },
    }, {
      type: "scatter", mode: "markers+text", x: [rank], y: [y], text: [rank.toFixed(2)], hoverinfo: "text",
      textposition: "middle right", hovertext: `${brief(label, 40)}<br>mean rank ${shown(rank)}`,
      marker: { symbol: "diamond", size: 12, color: color(tone(label)) }, cliponaxis: false,
    }]);
    const lane = 0.03 * rows.length, end = rows.length + 0.45, labels = rows.map(row => row.label);
    const shapes = ties.map(([first, last], n) => ({
      type: "line", x0: end + n * lane, x1: end + n * lane, y0: first - 0.22, y1: last + 0.22,
      line: { color: soft, width: 5 },
    }));
    return [traces, layout(width, {
      height: rows.length * (narrow ? 54 : 42) + 56, hovermode: "closest", shapes,
      margin: { l: 10, r: 8, t: 4, b: 46 },
      xaxis: axis({
        range: [0.93, end + lane * (ties.length + 0.5)], fixedrange: true, tickvals: rows.map((_, n) => n + 1),
        title: title("mean rank, 1 is best"),
      }),
      yaxis: rowAxis(labels, narrow, -0.8), annotations: rowTitles(labels, width, 20),
    })];
  };

  const matrix = (element, width) => {
    const rows = data.matrix.filter(row => row.data === element.dataset.data), { metrics } = data;
    const narrow = isNarrow(width), ticks = { color: color("ink"), size: narrow ? 11 : 13 };
    const cells = rows.flatMap((row, y) => metrics.map((_, x) => ({ x, y, text: row.texts[x], same: row.same[x] })));
    const shapes = cells.filter(cell => cell.same).map(({ x, y }) => ({
      type: "rect", x0: x - 0.47, x1: x + 0.47, y0: y - 0.43, y1: y + 0.43, line: { color: color("ink"), width: 1.5 },
    }));
    const annotations = cells.map(({ x, y, text, same }) => ({
      x, y, text: text + (same ? " †" : ""), showarrow: false, font: { size: narrow ? 11 : 13 },
    }));
    const hover = (row, x) => `trained with ${brief(row.label, 40)}<br>${escaped(metrics[x])} ${shown(row.values[x])}`
      + (row.same[x] ? "<br>† optimised directly by the loss" : "");
    return [[{
      type: "heatmap", z: rows.map(row => row.shades), zmin: 0, zmax: 1, showscale: false, xgap: 2, ygap: 2,
      hoverongaps: false, colorscale: [[0, color("pale")], [1, color("deep")]], hoverinfo: "text",
      hovertext: rows.map(row => metrics.map((_, x) => hover(row, x))),
    }], layout(Math.min(width, 260 + 120 * metrics.length), {
      height: rows.length * 42 + 46, shapes, annotations, margin: { l: 10, r: 4, t: 36, b: 6 },
      xaxis: axis({
        side: "top", showgrid: false, fixedrange: true, tickvals: metrics.map((_, x) => x), tickfont: ticks,
        tickangle: metrics.length * 75 > width ? -50 : 0, automargin: true, ticktext: metrics.map(metric => brief(metric, 22)),
      }),
      yaxis: axis({
        autorange: "reversed", showgrid: false, fixedrange: true, automargin: true, tickfont: ticks,
        tickvals: rows.map((_, y) => y), ticktext: rows.map(row => wrap(row.label, narrow ? 14 : 26) + "  "),
      }),
    })];
  };

  const kinds = { intervals, robustness, tuning, ranks, matrix, learningCurves, lossCurves };
  const draw = (only, width) => {
    for (const element of all(".chart")) {
      if (only && element.dataset.kind !== only) continue;
      const [traces, form] = kinds[element.dataset.kind](element, width ?? element.clientWidth);
      Plotly.react(element, traces, form, config);
    }
  };

  all(".needs-script").forEach(part => { part.hidden = false; });
  for (const choice of all(".choice")) choice.addEventListener("change", () => draw(choice.dataset.chart));

  // The theme is the system's until the reader chooses one; a browser may forbid files to remember the choice
  const system = matchMedia("(prefers-color-scheme: dark)"), toggle = document.getElementById("theme");
  const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : system.matches;
  const applyTheme = () => {
    toggle.textContent = isDark() ? "Light" : "Dark";
    toggle.setAttribute("aria-label", `Switch to the ${isDark() ? "light" : "dark"} theme`);
    draw();
  };
  toggle.hidden = false;
  toggle.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.setItem("lossbench-theme", root.dataset.theme); } catch { /* forbidden */ }
    applyTheme();
  });
  try {
    const stored = localStorage.getItem("lossbench-theme");
    if (stored === "light" || stored === "dark") root.dataset.theme = stored;
  } catch { /* forbidden */ }
  system.addEventListener("change", applyTheme);

  // Print in light colors, as wide as the paper
  addEventListener("beforeprint", () => { root.style.colorScheme = "light"; draw(null, 660); });
  addEventListener("afterprint", () => { root.style.colorScheme = ""; draw(); });
  let drawnWidth = 0;
  new ResizeObserver(() => {
    if (root.clientWidth !== drawnWidth) { drawnWidth = root.clientWidth; draw(); }
  }).observe(document.body);
  applyTheme();
})();
