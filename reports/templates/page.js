"use strict";
(() => {
  const id = name => document.getElementById(name);
  const rows = [...document.querySelectorAll("details.rule")], groups = [...document.querySelectorAll("section.group")];
  const bar = id("ui-filter"), words = id("ui-words"), service = id("ui-service"), shown = id("ui-shown");
  const boxes = [...bar.querySelectorAll("input[type=checkbox]")];
  const texts = new Map();

  // What the search looks through: everything a rule says but the list of exchanges; read once, when first needed.
  const text = row => {
    if (!texts.has(row)) {
      const parts = [row.querySelector("summary"), ...row.querySelector(".inside").children];
      texts.set(row, parts.filter(e => !e.matches(".evidence")).map(e => e.textContent).join(" ").toLowerCase());
    }
    return texts.get(row);
  };
  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const on = new Set(boxes.filter(b => b.checked).map(b => b.value));
    let count = 0;
    for (const row of rows) {
      const d = row.dataset, in_service = !service.value || d.service === service.value;
      const fits = on.has(d.outcome) && in_service && (!wanted.length || wanted.every(w => text(row).includes(w)));
      row.hidden = !fits;
      count += fits;
    }
    groups.forEach(g => { g.hidden = !g.querySelector("details.rule:not([hidden])"); });
    shown.textContent = `${count} of ${rows.length} rules shown`;
    id("ui-none").hidden = count > 0 || rows.length === 0;
  };
  const choose = (name, outcome) => {
    service.value = name;
    words.value = "";
    boxes.forEach(b => { b.checked = !outcome || b.value === outcome; });
    filter();
  };

  let waiting = 0;
  words.addEventListener("input", () => { clearTimeout(waiting); waiting = setTimeout(filter, 80); });
  service.addEventListener("change", filter);
  boxes.forEach(b => b.addEventListener("change", filter));
  bar.addEventListener("submit", event => { event.preventDefault(); filter(); });
  id("ui-clear").addEventListener("click", () => choose("", ""));
  const all = open => rows.forEach(r => { if (!r.hidden) r.open = open; });
  id("ui-open").addEventListener("click", () => all(true));
  id("ui-close").addEventListener("click", () => all(false));
  document.querySelectorAll(".matrix a").forEach(a => a.addEventListener("click", event => {
    event.preventDefault();
    choose(a.dataset.service, a.dataset.outcome);
    id("ui-verdicts").scrollIntoView();
  }));
  addEventListener("keydown", event => {
    const typing = event.target.matches && event.target.matches("input, select, textarea");
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      words.focus();
    } else if (event.key === "Escape" && event.target === words) {
      words.value = "";
      filter();
    }
  });

  // A rule shows its exchanges where it stands: copies of the ones in the appendix, made when they are asked for.
  const copied = (li, href) => li.querySelector("details.exchange") || (() => {
    const inside = id(href.slice(1)), original = inside && inside.closest("details.exchange");
    if (!original) return null;
    const copy = original.cloneNode(true);
    copy.querySelectorAll("[id]").forEach(e => e.removeAttribute("id"));
    copy.querySelectorAll(".copyable").forEach(e => e.replaceWith(e.querySelector(".command")));
    li.replaceChildren(copy);
    dress(copy);
    return copy;
  })();
  const place = (row, href) => {
    const link = [...row.querySelectorAll(".evidence a.ref")].find(a => a.getAttribute("href") === href);
    const list = row.querySelector(".evidence");
    const done = list && list.querySelector(`li[data-x="${href}"]`);
    if (done) return done;
    const li = link ? link.closest("li") : document.createElement("li");
    if (!link && list) list.append(li);
    li.dataset.x = href;
    return li;
  };
  document.addEventListener("click", event => {
    const link = event.target.closest && event.target.closest("a.ref"), row = link && link.closest("details.rule");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const copy = copied(place(row, link.getAttribute("href")), link.getAttribute("href"));
    if (!copy) return;
    event.preventDefault();
    copy.open = true;
    copy.querySelector("summary").focus({preventScroll: true});
    copy.scrollIntoView({block: "nearest"});
  });
  const closed = new Set();  // what print opened, and closes again
  const first = row => {
    const link = row.querySelector(".evidence a.ref");
    const red = ["fail", "warn", "error", "waived"].includes(row.dataset.outcome);
    if (row.open && !closed.has(row) && red && link && !row.querySelector("details.exchange")) {
      const copy = copied(place(row, link.getAttribute("href")), link.getAttribute("href"));
      if (copy) copy.open = true;
    }
  };
  rows.forEach(row => row.addEventListener("toggle", () => { dress(row); first(row); }));

  const copy = async command => {
    try {
      await navigator.clipboard.writeText(command.textContent);
      return true;
    } catch {
      getSelection().selectAllChildren(command);
      return document.execCommand("copy");
    }
  };
  const dress = root => root.querySelectorAll(".command").forEach(command => {
    if (command.parentNode.matches(".copyable")) return;
    const frame = document.createElement("div"), button = document.createElement("button");
    frame.className = "copyable";
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy the command");
    button.addEventListener("click", async () => {
      button.textContent = await copy(command) ? "Copied" : "Select it";
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    command.replaceWith(frame);
    frame.append(command, button);
  });
  document.querySelectorAll("details.exchange").forEach(x => x.addEventListener("toggle", () => dress(x)));

  addEventListener("beforeprint", () => {
    const wanted = "details.rule, details.gap, details.legend, .appendix:not(.long) details.exchange";
    document.querySelectorAll(wanted).forEach(d => {
      const quiet = d.matches("details.rule") && !d.querySelector(".findings, .why");
      if (!d.open && !quiet && !d.closest("[hidden]")) { closed.add(d); d.open = true; }
    });
  });
  addEventListener("afterprint", () => { closed.forEach(d => { d.open = false; }); closed.clear(); });

  const linked = () => {
    let name = location.hash.slice(1);
    try { name = decodeURIComponent(name); } catch { return; }
    const box = name && id(name), found = box && box.closest("details.rule, details.exchange");
    if (!found) return;
    found.hidden = false;
    if (found.closest("section.group")) found.closest("section.group").hidden = false;
    found.open = true;
    found.scrollIntoView();
  };
  addEventListener("hashchange", linked);
  bar.hidden = false;
  dress(document.querySelector("header"));
  filter();
  linked();
})();
