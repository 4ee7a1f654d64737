// Pure: an instant in the words of the person's own clock, as the site writes it ("3 May, 14:05").

export function localWords(instant, now, zone) {
  const form = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    day: "numeric",
    month: "long",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const parts = (date) => Object.fromEntries(form.formatToParts(date).map((part) => [part.type, part.value]));
  const { day, month, year, hour, minute } = parts(instant);
  const withYear = year === parts(now).year ? "" : ` ${year}`;
  return `${day} ${month}${withYear}, ${hour}:${minute}`;
}
