// Tables of many rows can be sorted by any column, and those with much text become cards on a phone. Without this script
// they are plain tables, which scroll sideways where they must.
(() => {
  const manyRows = 8;
  const manyColumns = 4;

  const text = (row, k) => row.cells[k]?.textContent.trim() ?? "";
  const number = (words) => {
    const match = words.replaceAll("−", "-").match(/^[-+]?(\d[\d   ]*\.?\d*|\.\d+)(e[-+]?\d+)?/i);
    return match ? parseFloat(match[0].replace(/[   ]/g, "")) : NaN;
  };

  // Numbers by size, the rest by letters; empty cells come last either way.
  const compare = (a, b, sign) => {
    if (!a || !b) return (a ? 0 : 1) - (b ? 0 : 1);
    const [x, y] = [number(a), number(b)];
    if (!isNaN(x) && !isNaN(y) && x !== y) return sign * (x - y);
    return sign * a.localeCompare(b, "en", { numeric: true, sensitivity: "base" });
  };

  const makeSortable = (table) => {
    const heads = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    const body = table.tBodies[0];
    heads.forEach((head, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "molnet-sort";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        body.append(...[...body.rows].sort((a, b) => compare(text(a, k), text(b, k), up ? 1 : -1)));
      });
    });
  };

  // The style sheet sets each row as a card on a phone; the roles keep it a table for those who hear it.
  const labelCells = (table) => {
    const cells = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
    const heads = cells.map((cell) => cell.textContent.trim().replace(/\\[()]/g, "")); // before MathJax, which drops them
    table.classList.add("molnet-as-cards");
    table.setAttribute("role", "table");
    for (const section of [table.tHead, ...table.tBodies]) section.setAttribute("role", "rowgroup");
    for (const row of table.rows) {
      row.setAttribute("role", "row");
      [...row.cells].forEach((cell, k) => {
        const named = cell.tagName === "TH" ? (row.parentElement === table.tHead ? "columnheader" : "rowheader") : "cell";
        cell.setAttribute("role", named);
        if (row.parentElement !== table.tHead && k > 0) cell.dataset.label = heads[k] ?? "";
        cell.classList.toggle("molnet-empty", !cell.textContent.trim());
      });
    }
  };

  const start = () => {
    for (const table of document.querySelectorAll("article table")) {
      if (!table.tHead?.rows.length || !table.tBodies.length || table.querySelector("[colspan], [rowspan]")) continue;
      const columns = table.tHead.rows[table.tHead.rows.length - 1].cells.length;
      const cells = [...table.tBodies[0].rows].flatMap((row) => [...row.cells]);
      const words = cells.filter((cell) => !/^[^a-z]*$/i.test(cell.textContent) && cell.textContent.trim().length > 6);
      if (columns >= manyColumns && words.length > 0.3 * cells.length) labelCells(table);
      if (table.tBodies[0].rows.length >= manyRows) makeSortable(table);
    }
  };

  if (document.readyState === "loading") addEventListener("DOMContentLoaded", start);
  else start();
})();
