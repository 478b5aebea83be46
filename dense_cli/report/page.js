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

  // A link to a sample shows it, whichever is chosen.
  for (const link of document.querySelectorAll("a[href^='#s']")) {
    link.addEventListener("click", () => {
      choose.value = "";
      choose.dispatchEvent(new Event("change"));
    });
  }

  // A heat map: its numbers are read from the page, by pointing or with the arrow keys.
  const labels = JSON.parse(document.getElementById("labels").textContent);
  const inflated = async (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
  for (const field of document.querySelectorAll(".field")) {
    const { classes, steps } = JSON.parse(field.closest("section").querySelector(".axes").textContent);
    const values = JSON.parse(field.querySelector("script").textContent);
    const count = classes.length * steps.length;
    const cursor = field.querySelector(".cursor");
    const told = field.closest("figure").querySelector("output");
    let row = 0, column = 0, unpacked = null;

    const tell = async () => {
      unpacked ??= inflated(values);
      const bytes = await unpacked;
      const at = row * steps.length + column;
      const code = bytes[at] + 256 * bytes[count + at];
      const value = code === 65535 ? "none" : (code / 10000).toFixed(4);
      told.textContent = `${labels[classes[row]] ?? classes[row]}, step ${steps[column]}: ${value}`;
      cursor.style.left = `${(100 * column) / steps.length}%`;
      cursor.style.top = `${(100 * row) / classes.length}%`;
      cursor.style.width = `${100 / steps.length}%`;
      cursor.style.height = `${100 / classes.length}%`;
      field.classList.add("on");
    };
    field.addEventListener("pointermove", (event) => {
      const box = field.getBoundingClientRect();
      column = Math.min(Math.max(Math.floor(((event.clientX - box.left) / box.width) * steps.length), 0), steps.length - 1);
      row = Math.min(Math.max(Math.floor(((event.clientY - box.top) / box.height) * classes.length), 0), classes.length - 1);
      tell();
    });
    field.addEventListener("focus", tell);
    field.addEventListener("blur", () => field.classList.remove("on"));
    field.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
      if (!move) return;
      event.preventDefault();
      row = Math.min(Math.max(row + move[0], 0), classes.length - 1);
      column = Math.min(Math.max(column + move[1], 0), steps.length - 1);
      tell();
    });
  }
})();
