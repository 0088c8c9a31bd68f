// In words that the oldest phone reads, and after linked.js, which may not: where that did not run,
// no button does anything, and whoever presses one must be told what to do instead.
(function () {
  var dead = document.getElementById("dead");
  if (dead && !document.body.hasAttribute("data-alive")) dead.removeAttribute("hidden");
})();
