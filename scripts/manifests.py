"""Checks Kubernetes manifests against each other, which no schema does: `scripts/manifests` runs it.

- Pods in a namespace whose Pod Security is "restricted" keep that standard: no host path, no root, no privilege.
- Selectors of services, network policies, budgets and monitors match something, and the ports that they name are there.
- Every container has a bound of its memory, and no pod has a token of the API server.
"""

import pathlib
import sys

import yaml

# https://kubernetes.io/docs/concepts/security/pod-security-standards/
VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected", "secret",
}
SECCOMP = {"RuntimeDefault", "Localhost"}

mistakes = []


def check(holds, where, text):
    if not holds:
        mistakes.append(f"{where}: {text}")


def templates(documents):
    """Pods, as (where, namespace, labels, spec)."""
    for document in documents:
        if document["kind"] in {"DaemonSet", "Deployment", "Job", "StatefulSet"}:
            metadata, template = document["metadata"], document["spec"]["template"]
            where = f"{document['kind']}/{metadata['name']}"
            labels = template["metadata"].get("labels", {})
            yield where, metadata.get("namespace"), labels, template["spec"]
            selector = document["spec"].get("selector")
            check(selector is None or matches(selector["matchLabels"], labels), where, "selects other pods than its own")


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in (selector or {}).items())


def restricted(where, pod):
    for volume in pod.get("volumes", []):
        check(not set(volume) - VOLUMES - {"name"}, where, f"volume {volume['name']} is not allowed when restricted")
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        check(not pod.get(key), where, key)
    of_pod = pod.get("securityContext", {})
    for container in pod["containers"] + pod.get("initContainers", []):
        name, own = f"{where}/{container['name']}", container.get("securityContext", {})
        both = {**of_pod, **own}
        capabilities = own.get("capabilities", {})
        check(own.get("allowPrivilegeEscalation") is False, name, "allowPrivilegeEscalation is not false")
        check(not own.get("privileged"), name, "privileged")
        check("ALL" in capabilities.get("drop", []), name, "does not drop all capabilities")
        check(set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"}, name, "adds capabilities")
        check(both.get("runAsNonRoot") is True and both.get("runAsUser") != 0, name, "may run as root")
        check(both.get("seccompProfile", {}).get("type") in SECCOMP, name, "has no seccomp profile")
        check(not any("hostPort" in port for port in container.get("ports", [])), name, "hostPort")


def main(folder):
    files = sorted(pathlib.Path(folder).glob("*.yaml"))
    documents = [document for file in files for document in yaml.safe_load_all(file.read_text()) if document]
    of_kind = lambda kind: [document for document in documents if document["kind"] == kind]
    level = {
        document["metadata"]["name"]: document["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
        for document in of_kind("Namespace")
    }
    pods = list(templates(documents))
    accounts = {(a["metadata"]["namespace"], a["metadata"]["name"]) for a in of_kind("ServiceAccount")}
    for where, namespace, _, pod in pods:
        check(namespace in level, where, f"namespace {namespace} is not there")
        if level.get(namespace) == "restricted":
            restricted(where, pod)
        check(pod.get("automountServiceAccountToken") is False, where, "has a token")
        account = pod.get("serviceAccountName")
        check(account is None or (namespace, account) in accounts, where, f"there is no service account {account}")
        for container in pod["containers"]:
            limits = container.get("resources", {}).get("limits", {})
            check("memory" in limits, where, f"{container['name']} has no bound of its memory")

    def selected(namespace, selector, kind):
        """Names of the container ports of the pods that a selector matches."""
        found = [pod for _, of, labels, pod in pods if of == namespace and matches(selector, labels)]
        check(found or not selector, kind, "selects no pod")
        return {port.get("name") for pod in found for one in pod["containers"] for port in one.get("ports", [])}

    for service in of_kind("Service"):
        where = f"Service/{service['metadata']['name']}"
        names = selected(service["metadata"]["namespace"], service["spec"]["selector"], where)
        for port in service["spec"]["ports"]:
            check(port["targetPort"] in names, where, f"no container has the port {port['targetPort']}")
    for policy in of_kind("NetworkPolicy"):
        where = f"NetworkPolicy/{policy['metadata']['name']}"
        names = selected(policy["metadata"]["namespace"], policy["spec"]["podSelector"].get("matchLabels"), where)
        for rule in policy["spec"].get("ingress", []):
            for port in rule.get("ports", []):
                check(port["port"] in names, where, f"no container has the port {port['port']}")
    for budget in of_kind("PodDisruptionBudget"):
        where = f"PodDisruptionBudget/{budget['metadata']['name']}"
        selected(budget["metadata"]["namespace"], budget["spec"]["selector"]["matchLabels"], where)
    for monitor in of_kind("ServiceMonitor"):
        where, spec = f"ServiceMonitor/{monitor['metadata']['name']}", monitor["spec"]
        check(set(spec) == {"selector", "endpoints"}, where, "has other fields than selector and endpoints")
        namespace, selector = monitor["metadata"]["namespace"], spec["selector"]["matchLabels"]
        services = [
            service
            for service in of_kind("Service")
            if service["metadata"]["namespace"] == namespace and matches(selector, service["metadata"]["labels"])
        ]
        check(services, where, "selects no service")
        names = {port["name"] for service in services for port in service["spec"]["ports"]}
        for endpoint in spec["endpoints"]:
            check(set(endpoint) == {"port", "path", "interval"}, where, "an endpoint has other fields")
            check(endpoint["port"] in names, where, f"no service has the port {endpoint['port']}")
    for binding in of_kind("RoleBinding"):
        role = binding["roleRef"]
        names = {one["metadata"]["name"] for one in of_kind(role["kind"])}
        check(role["name"] in names, f"RoleBinding/{binding['metadata']['name']}", f"there is no {role['kind']} {role['name']}")
    check(pods and of_kind("Service") and of_kind("NetworkPolicy"), folder, "there is little in it")
    for mistake in mistakes:
        print(f"manifests: {mistake}", file=sys.stderr)
    sys.exit(1 if mistakes else 0)


main(sys.argv[1])
