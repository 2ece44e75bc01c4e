// What every part of the script uses: the data block, and the making of elements. Text is only ever set as text.
const data = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);
function make(tag, text, name) {
  const node = document.createElement(tag);
  if (text !== undefined && text !== null) node.textContent = text;
  if (name) node.className = name;
  return node;
}
