{% test one_active_alert(model) %}
select store_id, alert_type, location, shelf_id, count(*) as active_alerts
from {{ model }}
where is_active
group by store_id, alert_type, location, shelf_id
having count(*) > 1
{% endtest %}
