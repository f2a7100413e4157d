// A market's catalogue, as a new tenant begins with.

const ROWS: [string, string, string, string, string, number][] = [
  ['cafe-molido', 'Café molido', 'De altura, tostión media', 'Despensa', '500 g', 2490000],
  ['frijol-cargamanto', 'Fríjol cargamanto', 'Rojo, seleccionado', 'Despensa', '500 g', 870000],
  ['panela', 'Panela', 'En bloque, de caña sin refinar', 'Despensa', 'kg', 630000],
  ['aguacate-hass', 'Aguacate Hass', 'Cremoso, listo para comer en dos días', 'Frutas', 'kg', 980000],
  ['banano', 'Banano', 'Maduro, de Urabá', 'Frutas', 'kg', 320000],
  ['lulo', 'Lulo', 'Ácido y aromático, para jugo', 'Frutas', 'kg', 740000],
  ['mango-tommy', 'Mango Tommy', 'Dulce, de pulpa firme', 'Frutas', 'kg', 560000],
  ['maracuya', 'Maracuyá', 'Para jugo, salsa o postre', 'Frutas', 'kg', 620000],
  ['huevos-campo', 'Huevos de campo', 'De gallinas en pastoreo', 'Huevos y carnes', 'docena', 1150000],
  ['pollo-entero', 'Pollo de granja', 'Entero, sin vísceras', 'Huevos y carnes', 'kg', 1480000],
  ['cuajada', 'Cuajada', 'De leche entera, del día', 'Lácteos', '500 g', 950000],
  ['leche-entera', 'Leche entera', 'Pasteurizada', 'Lácteos', 'litro', 470000],
  ['queso-campesino', 'Queso campesino', 'Fresco, bajo en sal', 'Lácteos', '500 g', 1390000],
  ['arepa-maiz', 'Arepas de maíz blanco', 'Listas para asar', 'Panadería', 'paquete de 5', 490000],
  ['pan-queso', 'Pan de queso', 'Horneado cada mañana', 'Panadería', 'unidad', 250000],
  ['cebolla-cabezona', 'Cebolla cabezona', 'Blanca, de cosecha reciente', 'Verduras', 'kg', 390000],
  ['cilantro', 'Cilantro', 'Manojo fresco', 'Verduras', 'manojo', 150000],
  ['papa-criolla', 'Papa criolla', 'Amarilla, pequeña, para sopa o fritura', 'Verduras', 'kg', 520000],
  ['platano-harton', 'Plátano hartón', 'Verde, para patacones', 'Verduras', 'kg', 410000],
  ['tomate-chonto', 'Tomate chonto', 'Firme, para ensalada y guiso', 'Verduras', 'kg', 430000],
  ['yuca', 'Yuca', 'Parafinada, de pulpa blanca', 'Verduras', 'kg', 360000],
];

export const PRODUCTS = ROWS.map(([product_id, name, description, category, unit, price_cents]) => ({
  product_id,
  name,
  description,
  category,
  unit,
  price_cents,
  currency: 'COP',
  available: true,
}));
