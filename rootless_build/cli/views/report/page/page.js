"use strict";
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const one = (selector) => document.querySelector(selector);
  for (const hidden of all(".controls, .toggle")) hidden.hidden = false;

  // The timeline: what is shown of it.
  const toggles = all(".toggle");
  const filters = all("[data-filter]");
  const fold = one("#fold");
  const unfold = (toggle, open) => {
    toggle.setAttribute("aria-expanded", String(open));
    document.getElementById(toggle.getAttribute("aria-controls")).hidden = !open;
  };
  const folded = () => toggles.length > 0 && toggles.every((t) => t.getAttribute("aria-expanded") === "false");
  const tellFold = () => fold && fold.setAttribute("aria-pressed", String(folded()));
  for (const toggle of toggles) {
    toggle.addEventListener("click", () => {
      unfold(toggle, toggle.getAttribute("aria-expanded") === "false");
      tellFold();
    });
  }
  if (fold) {
    fold.hidden = toggles.length === 0;
    fold.addEventListener("click", () => {
      const open = folded();
      for (const toggle of toggles) unfold(toggle, open);
      tellFold();
    });
  }
  for (const filter of filters) {
    filter.addEventListener("click", () => {
      const wanted = filter.dataset.filter;
      for (const other of filters) other.setAttribute("aria-pressed", String(other === filter));
      let shown = 0;
      for (const row of all(".timeline tbody tr")) {
        // A step stays above its instructions.
        const body = row.parentElement.nextElementSibling;
        const inside = row.hasAttribute("data-whole") && all("tr", body).some((r) => r.dataset.state === wanted);
        row.hidden = wanted !== "all" && row.dataset.state !== wanted && !inside;
        if (!row.hidden) shown += 1;
      }
      one("#timeline-said").textContent = `${shown} rows are shown`;
    });
  }

  // The log: search, one step, what is loud.
  const search = one("#search");
  if (!search) return;
  const step = one("#log-step");
  const kind = one("#log-kind");
  const said = one("#log-said");
  const lines = all(".log li").map((item) => ({
    item, code: item.querySelector("code"), text: item.querySelector("code").textContent, marked: false,
  }));
  const lower = lines.map((line) => line.text.toLowerCase());
  const total = lines.filter((line) => line.item.id).length;
  const MOST_MARKED = 2000;
  const isLoud = (item) => item.classList.contains("error") || item.classList.contains("warning");
  const isOfKind = (item) => kind.value === "" || (kind.value === "err" ? item.classList.contains("err") : isLoud(item));
  const isOfStep = (item) => step.value === "" || item.dataset.step === step.value;

  const mark = (line, index, word) => {
    const parts = [];
    let from = 0;
    for (let at = lower[index].indexOf(word); at >= 0; at = lower[index].indexOf(word, from)) {
      const found = document.createElement("mark");
      found.textContent = line.text.slice(at, at + word.length);
      parts.push(line.text.slice(from, at), found);
      from = at + word.length;
    }
    parts.push(line.text.slice(from));
    line.code.replaceChildren(...parts);
    line.marked = true;
  };
  const apply = () => {
    const word = search.value.trim().toLowerCase();
    const isAll = word === "" && step.value === "" && kind.value === "";
    let found = 0;
    lines.forEach((line, index) => {
      const { item } = line;
      const fits = isAll || (item.id !== "" && isOfStep(item) && isOfKind(item) && lower[index].includes(word));
      item.hidden = !fits;
      if (line.marked) {
        line.code.textContent = line.text;
        line.marked = false;
      }
      if (fits && item.id) {
        found += 1;
        if (word !== "" && found <= MOST_MARKED) mark(line, index, word);
      }
    });
    said.textContent = isAll ? `${total} lines` : `${found} of ${total} lines`;
  };
  let later = 0;
  const soon = () => {
    clearTimeout(later);
    later = setTimeout(apply, 120);
  };
  search.addEventListener("input", soon);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      search.value = "";
      apply();
    }
  });
  step.addEventListener("change", apply);
  kind.addEventListener("change", apply);

  // Where a link leads to a line that is not shown, all are.
  const showTarget = () => {
    const target = location.hash.startsWith("#L") ? document.getElementById(location.hash.slice(1)) : null;
    if (!target) return;
    if (search.value || step.value || kind.value) {
      search.value = step.value = kind.value = "";
      apply();
    }
    target.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", showTarget);
  for (const link of all(".log a")) link.addEventListener("click", () => setTimeout(showTarget, 0));
  apply();
  showTarget();
})();
