"use strict";

const player = new Player();
const sounds = [...document.querySelectorAll("figure audio")];
const spectrograms = [...document.querySelectorAll("figure")].map((f) => f.querySelector("img"));
const names = [...document.querySelectorAll("figcaption")].map((caption) => caption.textContent);
const choices = [...document.querySelectorAll("input[name=choice]")];
const [left, right, wipe, wiped, playhead] =
  ["left", "right", "wipe", "wiped", "playhead"].map((id) => document.getElementById(id));
const ground = left.parentElement;

/** Let a signal be heard, and be seen beside the original. */
function choose(index) {
  if (index >= choices.length) return;
  choices[index].checked = true;
  player.choose(index);
  if (index > 0) show(index);
}

function show(index) {
  right.src = spectrograms[index].src;
  right.alt = spectrograms[index].alt;
  wiped.textContent = names[index];
}

function drawWipe() {
  ground.style.setProperty("--wiped", `${wipe.value}%`);
}

choices.forEach((choice, index) => { choice.onchange = () => choose(index); });
wipe.oninput = drawWipe;
ground.onclick = (event) => {
  const box = ground.getBoundingClientRect();
  player.seek((player.duration * (event.clientX - box.left)) / box.width);
};
for (const sound of sounds) sound.onplay = () => player.pause();
player.onplay = () => { for (const sound of sounds) sound.pause(); };

left.src = spectrograms[0].src;
show(Math.min(2, names.length - 1));
drawWipe();
bindTransport(player, (share) => { playhead.style.left = `${100 * share}%`; });
bindKeys(player, choose);
player.load(sounds.map((sound) => sound.src)).then(() => choose(0));
