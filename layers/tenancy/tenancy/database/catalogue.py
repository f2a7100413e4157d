"""The sample catalogue of a new tenant: what a neighbourhood market in Colombia sells. Prices in Colombian pesos.

It gives the site something to show on its first day; the tenant edits it like any other catalogue.
"""

from typing import Final, NamedTuple

CURRENCY: Final = "COP"


class SampleProduct(NamedTuple):
    """A product; ``price`` in whole pesos for one ``unit``."""

    product_id: str
    name: str
    description: str
    category: str
    unit: str
    price: int


SAMPLE: Final = (
    SampleProduct("aguacate-hass", "Aguacate Hass", "Cremoso, listo para comer en dos días", "Frutas", "kg", 9800),
    SampleProduct("banano", "Banano", "Maduro, de Urabá", "Frutas", "kg", 3200),
    SampleProduct("lulo", "Lulo", "Ácido y aromático, para jugo", "Frutas", "kg", 7400),
    SampleProduct("mango-tommy", "Mango Tommy", "Dulce, de pulpa firme", "Frutas", "kg", 5600),
    SampleProduct("maracuya", "Maracuyá", "Para jugo, salsa o postre", "Frutas", "kg", 6200),
    SampleProduct("cebolla-cabezona", "Cebolla cabezona", "Blanca, de cosecha reciente", "Verduras", "kg", 3900),
    SampleProduct("cilantro", "Cilantro", "Manojo fresco", "Verduras", "manojo", 1500),
    SampleProduct("papa-criolla", "Papa criolla", "Amarilla, pequeña, para sopa o fritura", "Verduras", "kg", 5200),
    SampleProduct("platano-harton", "Plátano hartón", "Verde, para patacones", "Verduras", "kg", 4100),
    SampleProduct("tomate-chonto", "Tomate chonto", "Firme, para ensalada y guiso", "Verduras", "kg", 4300),
    SampleProduct("yuca", "Yuca", "Parafinada, de pulpa blanca", "Verduras", "kg", 3600),
    SampleProduct("cuajada", "Cuajada", "De leche entera, del día", "Lácteos", "500 g", 9500),
    SampleProduct("leche-entera", "Leche entera", "Pasteurizada", "Lácteos", "litro", 4700),
    SampleProduct("queso-campesino", "Queso campesino", "Fresco, bajo en sal", "Lácteos", "500 g", 13900),
    SampleProduct("huevos-campo", "Huevos de campo", "De gallinas en pastoreo", "Huevos y carnes", "docena", 11500),
    SampleProduct("pollo-entero", "Pollo de granja", "Entero, sin vísceras", "Huevos y carnes", "kg", 14800),
    SampleProduct("arepa-maiz", "Arepas de maíz blanco", "Listas para asar", "Panadería", "paquete de 5", 4900),
    SampleProduct("pan-queso", "Pan de queso", "Horneado cada mañana", "Panadería", "unidad", 2500),
    SampleProduct("cafe-molido", "Café molido", "De altura, tostión media", "Despensa", "500 g", 24900),
    SampleProduct("frijol-cargamanto", "Fríjol cargamanto", "Rojo, seleccionado", "Despensa", "500 g", 8700),
    SampleProduct("panela", "Panela", "En bloque, de caña sin refinar", "Despensa", "kg", 6300),
)
