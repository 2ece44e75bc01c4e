// Tables of scores: sorted by a click on a column's title, and a word where one goes on beyond the window.
function cellValue(row, column) {
  const found = row.cells[column].querySelector(".value");
  const value = found ? parseFloat(found.textContent.replace("−", "-")) : NaN;
  return Number.isNaN(value) ? -Infinity : value; // no number: last, or first where the worst are wanted
}
function sortTable(table, column, direction) {
  table.querySelectorAll("thead th").forEach((head, k) => {
    if (k === column) head.setAttribute("aria-sort", direction);
    else head.removeAttribute("aria-sort");
  });
  const sign = direction === "ascending" ? 1 : -1;
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    rows.sort((a, b) => sign * (cellValue(a, column) - cellValue(b, column) || 0)); // −∞ less itself is no number
    body.append(...rows);
  }
}
function sortable(table) {
  table.querySelectorAll("thead th .name").forEach((name) => {
    const head = name.closest("th");
    const button = make("button", null, "sort");
    button.type = "button";
    name.replaceWith(button);
    button.append(name);
    button.addEventListener("click", () => {
      const best = head.querySelector(".arrow")?.textContent.startsWith("↓") ? "ascending" : "descending";
      const other = best === "ascending" ? "descending" : "ascending";
      sortTable(table, head.cellIndex, head.getAttribute("aria-sort") === best ? other : best);
    });
  });
}
function goesOn(scroll) {
  const more = scroll.scrollWidth - scroll.clientWidth - scroll.scrollLeft > 2;
  scroll.classList.toggle("more-right", more);
  const told = scroll.previousElementSibling?.querySelector(".goes-on");
  if (told) told.hidden = !more;
}
const watched = new ResizeObserver((entries) => {
  for (const { target } of entries) goesOn(target.closest(".scroll"));
});
for (const scroll of document.querySelectorAll(".scroll")) {
  scroll.addEventListener("scroll", () => goesOn(scroll), { passive: true });
  watched.observe(scroll);
  watched.observe(scroll.firstElementChild); // it grows when more columns are asked for
}
document.querySelectorAll("table.scores").forEach(sortable);
