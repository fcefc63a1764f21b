{#- What holds between the measures of sales, to the cent. -#}
{% test sales_identities(model) %}
select *
from {{ model }}
where gross_sales - discount_value <> sales_revenue
    or sales_revenue - returns_value <> net_sales
    or net_sales - cogs <> gross_profit
    or units_sold - units_returned <> net_units
    or transactions > sale_lines
    or return_transactions > return_lines
    or anon_transactions > transactions
    or least(
        sale_lines, return_lines, transactions, return_transactions, units_sold, units_returned,
        customers, anon_transactions
    ) < 0
    or least(gross_sales, discount_value, sales_revenue, returns_value) < 0
{% endtest %}
