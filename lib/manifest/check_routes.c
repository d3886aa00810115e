/* SPDX-License-Identifier: MIT */
/* Judges the records of where things go: ports and exits of guests, and what signals which notification. */
#include "records.h"

enum manifest_error manifest_check_route(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_route *route = &manifest->routes[index];
	const struct manifest_object *space =
		manifest_object_of_type(manifest, route->guest_space, MANIFEST_OBJECT_GUEST_SPACE);
	const struct manifest_object *vcpu =
		manifest_object_of_type(manifest, route->vcpu, MANIFEST_OBJECT_VCPU);

	if (space == NULL || vcpu == NULL || vcpu->guest_space != route->guest_space ||
		route->target >= manifest->object_count) {
		return MANIFEST_ERROR_REFERENCE;
	}
	const struct manifest_object *target = &manifest->objects[route->target];
	struct manifest_subject guest = manifest_subject_of_object(manifest, space);

	if (target->type != MANIFEST_OBJECT_ENDPOINT && target->type != MANIFEST_OBJECT_NOTIFICATION) {
		return MANIFEST_ERROR_REFERENCE;
	}
	if (!manifest_in_reach(&guest, target) || manifest_is_shared_endpoint(&guest, target)) {
		return MANIFEST_ERROR_SCOPE;
	}
	if (route->first_port >= PORT_COUNT || route->port_count > PORT_COUNT - route->first_port ||
		route->number > MANIFEST_MAX_ROUTE_NUMBER) {
		return MANIFEST_ERROR_VALUE;
	}
	/* Without ports: only a doorbell, to which the VMM gives them. */
	if (route->port_count == 0 &&
		(route->first_port != 0 || target->type != MANIFEST_OBJECT_NOTIFICATION)) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t i = 0; i < index; i++) {
		const struct manifest_route *other = &manifest->routes[i];

		if (other->vcpu == route->vcpu &&
			(other->number == route->number ||
				(other->first_port < route->first_port + route->port_count &&
					route->first_port < other->first_port + other->port_count))) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

enum manifest_error manifest_check_exit(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_exit *exit = &manifest->exits[index];
	const struct manifest_object *vcpu =
		manifest_object_of_type(manifest, exit->vcpu, MANIFEST_OBJECT_VCPU);
	const struct manifest_object *endpoint =
		manifest_object_of_type(manifest, exit->endpoint, MANIFEST_OBJECT_ENDPOINT);

	if (vcpu == NULL || endpoint == NULL) {
		return MANIFEST_ERROR_REFERENCE;
	}
	struct manifest_subject guest = manifest_subject_of_object(manifest, vcpu);

	if (!manifest_in_reach(&guest, endpoint) || manifest_is_shared_endpoint(&guest, endpoint)) {
		return MANIFEST_ERROR_SCOPE;
	}
	for (uint32_t other = 0; other < index; other++) {
		if (manifest->exits[other].vcpu == exit->vcpu) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}

/* Finds who a binding's notification serves. */
static enum manifest_error subject_of_binding(const struct manifest *manifest,
	const struct manifest_binding *binding, struct manifest_subject *subject)
{
	static const uint32_t SUBJECT_TYPES[] = {
		[MANIFEST_BINDING_VCPU] = MANIFEST_OBJECT_VCPU,
		[MANIFEST_BINDING_TIMER] = MANIFEST_OBJECT_TIMER,
		[MANIFEST_BINDING_IRQ] = MANIFEST_OBJECT_IRQ_HANDLER,
	};

	switch (binding->kind) {
	case MANIFEST_BINDING_THREAD:
		return manifest_subject_of_task(manifest, binding->subject, subject);
	case MANIFEST_BINDING_VCPU:
	case MANIFEST_BINDING_TIMER:
	case MANIFEST_BINDING_IRQ: {
		const struct manifest_object *object =
			manifest_object_of_type(manifest, binding->subject, SUBJECT_TYPES[binding->kind]);

		if (object == NULL) {
			return MANIFEST_ERROR_REFERENCE;
		}
		*subject = manifest_subject_of_object(manifest, object);
		return MANIFEST_OK;
	}
	default:
		return MANIFEST_ERROR_VALUE;
	}
}

enum manifest_error manifest_check_binding(const struct manifest *manifest, uint32_t index)
{
	const struct manifest_binding *binding = &manifest->bindings[index];
	const struct manifest_object *notification =
		manifest_object_of_type(manifest, binding->notification, MANIFEST_OBJECT_NOTIFICATION);
	struct manifest_subject subject;
	enum manifest_error error = subject_of_binding(manifest, binding, &subject);

	if (error != MANIFEST_OK) {
		return error;
	}
	if (notification == NULL) {
		return MANIFEST_ERROR_REFERENCE;
	}
	if (!manifest_in_reach(&subject, notification)) {
		return MANIFEST_ERROR_SCOPE;
	}
	int needs_badge = binding->kind == MANIFEST_BINDING_TIMER || binding->kind == MANIFEST_BINDING_IRQ;

	if (binding->reserved != 0 || needs_badge != (binding->badge != 0)) {
		return MANIFEST_ERROR_VALUE;
	}
	for (uint32_t i = 0; i < index; i++) {
		const struct manifest_binding *other = &manifest->bindings[i];

		if (other->kind == binding->kind && other->subject == binding->subject) {
			return MANIFEST_ERROR_DUPLICATE;
		}
	}
	return MANIFEST_OK;
}
