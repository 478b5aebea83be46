"use strict";
(() => {
  const samples = [...document.querySelectorAll("section.sample")];
  const controls = document.querySelector(".controls");
  controls.hidden = false;

  // Sort: the sections themselves change places, so that a print has the order that is chosen.
  const sort = document.getElementById("sort");
  sort.addEventListener("change", () => {
    const [name, sign] = sort.value.split(" ");
    const key = (section) => Number(section.dataset[name]) * Number(sign);
    const parent = samples[0].parentNode;
    [...samples].sort((a, b) => key(a) - key(b)).forEach((section) => parent.append(section));
  });

  const choose = document.getElementById("choose");
  choose.addEventListener("change", () => {
    samples.forEach((section) => { section.hidden = choose.value !== "" && section.id !== choose.value; });
  });

  // A heat map: its numbers are read from the page, by pointing or with the arrow keys.
  for (const field of document.querySelectorAll(".field")) {
    const { names, steps, values } = JSON.parse(field.querySelector("script").textContent);
    const bytes = Uint8Array.from(atob(values), (c) => c.charCodeAt(0));
    const cursor = field.querySelector(".cursor");
    const told = field.closest("figure").querySelector("output");
    let row = 0, column = 0;

    const tell = () => {
      const at = 2 * (row * steps.length + column);
      const code = bytes[at] + 256 * bytes[at + 1];
      const value = code === 65535 ? "none" : (code / 10000).toFixed(4);
      told.textContent = `${names[row]}, step ${steps[column]}: ${value}`;
      cursor.style.left = `${(100 * column) / steps.length}%`;
      cursor.style.top = `${(100 * row) / names.length}%`;
      cursor.style.width = `${100 / steps.length}%`;
      cursor.style.height = `${100 / names.length}%`;
      field.classList.add("on");
    };
    field.addEventListener("pointermove", (event) => {
      const box = field.getBoundingClientRect();
      column = Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * steps.length), 0), steps.length - 1);
      row = Math.min(Math.max(Math.floor(((event.clientY - box.top) / box.height) * names.length), 0), names.length - 1);
      tell();
    });
    field.addEventListener("focus", tell);
    field.addEventListener("blur", () => field.classList.remove("on"));
    field.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!move) return;
      event.preventDefault();
      row = Math.min(Math.max(row + move[0], 0), names.length - 1);
      column = Math.min(Math.max(column + move[1], 0), steps.length - 1);
      tell();
    });
  }
})();
