//! The kubelet's device plugin API `v1beta1`: messages and calls.
//!
//! Written by hand after `staging/src/k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/api.proto` of Kubernetes, so that no build needs
//! `protoc`. Fields that this plugin neither reads nor sends are left out; protocol buffers skip unknown fields.

use std::collections::HashMap;

use tonic::{
    Request, Response, Status, Streaming,
    client::Grpc,
    codegen::{BoxFuture, Future, Pin, Service, http, http::uri::PathAndQuery, tokio_stream::Stream},
    server,
    transport::Channel,
};
use tonic_prost::ProstCodec;

/// Version that plugin and kubelet must agree on.
pub const VERSION: &str = "v1beta1";
/// Name of the kubelet's own socket in the folder of plugins.
pub const KUBELET_SOCKET: &str = "kubelet.sock";
/// [`Device::health`] of a device that may be allocated.
pub const HEALTHY: &str = "Healthy";
/// [`Device::health`] of a device that may not be allocated.
pub const UNHEALTHY: &str = "Unhealthy";
/// Upper bound of a device's id in bytes.
pub const MAX_ID: usize = 63;
/// Upper bound of a received message in bytes: 4096 ids of 63 bytes, twice, with their framing. A larger one would only take
/// memory.
pub const MAX_MESSAGE: usize = 1 << 20;

/// Paths of the calls.
pub mod paths {
    /// The kubelet's method: registers a plugin.
    pub const REGISTER: &str = "/v1beta1.Registration/Register";
    /// A plugin's method, as those below: returns its options.
    pub const OPTIONS: &str = "/v1beta1.DevicePlugin/GetDevicePluginOptions";
    /// Streams the list of devices.
    pub const LIST_AND_WATCH: &str = "/v1beta1.DevicePlugin/ListAndWatch";
    /// Chooses among free devices.
    pub const PREFERRED: &str = "/v1beta1.DevicePlugin/GetPreferredAllocation";
    /// Allocates devices to the containers of a pod.
    pub const ALLOCATE: &str = "/v1beta1.DevicePlugin/Allocate";
    /// Prepares devices for the start of a container.
    pub const PRE_START: &str = "/v1beta1.DevicePlugin/PreStartContainer";
}

/// A message without fields.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct Empty {}

/// Optional calls of a plugin.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub struct DevicePluginOptions {
    /// Call `PreStartContainer` before each start of a container.
    #[prost(bool, tag = "1")]
    pub pre_start_required: bool,
    /// `GetPreferredAllocation` may be called.
    #[prost(bool, tag = "2")]
    pub get_preferred_allocation_available: bool,
}

/// A plugin's registration.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RegisterRequest {
    /// [`VERSION`].
    #[prost(string, tag = "1")]
    pub version: String,
    /// File name of the plugin's socket in the folder of plugins.
    #[prost(string, tag = "2")]
    pub endpoint: String,
    /// Name of the extended resource.
    #[prost(string, tag = "3")]
    pub resource_name: String,
    /// The plugin's options.
    #[prost(message, optional, tag = "4")]
    pub options: Option<DevicePluginOptions>,
}

/// A device.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Device {
    /// Its id, of at most [`MAX_ID`] bytes.
    #[prost(string, tag = "1")]
    pub id: String,
    /// [`HEALTHY`] or [`UNHEALTHY`].
    #[prost(string, tag = "2")]
    pub health: String,
}

/// All devices.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ListAndWatchResponse {
    /// The devices.
    #[prost(message, repeated, tag = "1")]
    pub devices: Vec<Device>,
}

/// The containers of a pod, with the devices that the kubelet has chosen for each.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AllocateRequest {
    /// One for each container.
    #[prost(message, repeated, tag = "1")]
    pub container_requests: Vec<ContainerAllocateRequest>,
}

/// Devices of one container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerAllocateRequest {
    /// Their ids.
    #[prost(string, repeated, tag = "1")]
    pub devices_ids: Vec<String>,
}

/// Changes to the containers of a pod.
#[derive(Clone, PartialEq, prost::Message)]
pub struct AllocateResponse {
    /// One for each container, in the order of the request.
    #[prost(message, repeated, tag = "1")]
    pub container_responses: Vec<ContainerAllocateResponse>,
}

/// Changes to one container. This plugin sets CDI devices only; tests read the other fields.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerAllocateResponse {
    /// Environment variables.
    #[prost(map = "string, string", tag = "1")]
    pub envs: HashMap<String, String>,
    /// Annotations for the container runtime.
    #[prost(map = "string, string", tag = "4")]
    pub annotations: HashMap<String, String>,
    /// CDI devices.
    #[prost(message, repeated, tag = "5")]
    pub cdi_devices: Vec<CdiDevice>,
}

/// A CDI device.
#[derive(Clone, PartialEq, prost::Message)]
pub struct CdiDevice {
    /// Its qualified name, `vendor/class=name`.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// Free devices for the containers of a pod.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PreferredAllocationRequest {
    /// One for each container.
    #[prost(message, repeated, tag = "1")]
    pub container_requests: Vec<ContainerPreferredAllocationRequest>,
}

/// Free devices for one container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerPreferredAllocationRequest {
    /// Ids to choose from.
    #[prost(string, repeated, tag = "1")]
    pub available_device_ids: Vec<String>,
    /// Ids that the choice must include.
    #[prost(string, repeated, tag = "2")]
    pub must_include_device_ids: Vec<String>,
    /// Number of ids to choose.
    #[prost(int32, tag = "3")]
    pub allocation_size: i32,
}

/// Preferred devices of the containers of a pod.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PreferredAllocationResponse {
    /// One for each container, in the order of the request.
    #[prost(message, repeated, tag = "1")]
    pub container_responses: Vec<ContainerPreferredAllocationResponse>,
}

/// Preferred devices of one container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct ContainerPreferredAllocationResponse {
    /// Their ids.
    #[prost(string, repeated, tag = "1")]
    pub device_ids: Vec<String>,
}

/// A container that is about to start.
#[derive(Clone, PartialEq, prost::Message)]
pub struct PreStartContainerRequest {
    /// Ids of its devices.
    #[prost(string, repeated, tag = "1")]
    pub devices_ids: Vec<String>,
}

/// Calls a method with one request and one response.
pub async fn call<Q, A>(channel: Channel, path: &'static str, request: Q) -> Result<A, Status>
where
    Q: prost::Message + Send + Sync + 'static,
    A: prost::Message + Default + Send + Sync + 'static,
{
    let mut client = Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE);
    ready(&mut client).await?;
    let codec = ProstCodec::<Q, A>::default();
    client.unary(Request::new(request), PathAndQuery::from_static(path), codec).await.map(Response::into_inner)
}

/// Calls a method that streams its responses.
pub async fn call_streaming<Q, A>(channel: Channel, path: &'static str, request: Q) -> Result<Streaming<A>, Status>
where
    Q: prost::Message + Send + Sync + 'static,
    A: prost::Message + Default + Send + Sync + 'static,
{
    let mut client = Grpc::new(channel).max_decoding_message_size(MAX_MESSAGE);
    ready(&mut client).await?;
    let codec = ProstCodec::<Q, A>::default();
    client
        .server_streaming(Request::new(request), PathAndQuery::from_static(path), codec)
        .await
        .map(Response::into_inner)
}

async fn ready(client: &mut Grpc<Channel>) -> Result<(), Status> {
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))
}

/// A method as a function of its request.
struct Method<F>(F);

impl<Q, A, F: FnMut(Q) -> Result<A, Status>> server::UnaryService<Q> for Method<F> {
    type Response = A;
    type Future = std::future::Ready<Result<Response<A>, Status>>;

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        std::future::ready((self.0)(request.into_inner()).map(Response::new))
    }
}

/// A method that streams its responses, as a function of its request.
struct StreamingMethod<F>(F);

impl<Q, A, S, F> server::ServerStreamingService<Q> for StreamingMethod<F>
where
    S: Stream<Item = Result<A, Status>>,
    F: FnMut(Q) -> S,
{
    type Response = A;
    type ResponseStream = S;
    type Future = std::future::Ready<Result<Response<S>, Status>>;

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        std::future::ready(Ok(Response::new((self.0)(request.into_inner()))))
    }
}

/// The HTTP request of a call.
pub type HttpRequest = http::Request<tonic::body::Body>;
/// The HTTP response of a call.
pub type HttpResponse = http::Response<tonic::body::Body>;
/// The future of a response.
pub type Answer = Pin<Box<dyn Future<Output = HttpResponse> + Send>>;

/// Answers a call with one request and one response.
pub fn answer<Q, A, F>(request: HttpRequest, method: F) -> Answer
where
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Send + 'static,
    F: FnMut(Q) -> Result<A, Status> + Send + 'static,
{
    Box::pin(async move {
        let mut grpc = server::Grpc::new(ProstCodec::<A, Q>::default()).max_decoding_message_size(MAX_MESSAGE);
        grpc.unary(Method(method), request).await
    })
}

/// Answers a call that streams its responses.
pub fn answer_streaming<Q, A, S, F>(request: HttpRequest, method: F) -> Answer
where
    Q: prost::Message + Default + Send + 'static,
    A: prost::Message + Send + 'static,
    S: Stream<Item = Result<A, Status>> + Send + 'static,
    F: FnMut(Q) -> S + Send + 'static,
{
    Box::pin(async move {
        let mut grpc = server::Grpc::new(ProstCodec::<A, Q>::default()).max_decoding_message_size(MAX_MESSAGE);
        grpc.server_streaming(StreamingMethod(method), request).await
    })
}

/// A gRPC service: the function answers a request, or returns `None` where its path names no method.
#[derive(Clone, Copy, Debug)]
pub struct Methods<F>(pub F);

impl<F: FnMut(HttpRequest) -> Option<Answer>> Service<HttpRequest> for Methods<F> {
    type Response = HttpResponse;
    type Error = std::convert::Infallible;
    type Future = BoxFuture<HttpResponse, Self::Error>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Self::Error>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest) -> Self::Future {
        let answer = (self.0)(request);
        Box::pin(async move {
            match answer {
                Some(answer) => Ok(answer.await),
                None => Ok(Status::unimplemented("unknown method").into_http()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    /// The expected bytes are from `protoc --encode` 3.21.12 with the published file, independent of the derives here.
    #[test]
    fn messages_are_those_of_the_published_file() {
        let bytes = |hex: &str| {
            (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect::<Vec<u8>>()
        };
        let options = DevicePluginOptions { pre_start_required: true, get_preferred_allocation_available: true };
        let register = RegisterRequest {
            version: VERSION.to_owned(),
            endpoint: "a.sock".to_owned(),
            resource_name: "airlock.dev/session".to_owned(),
            options: Some(options),
        };
        assert_eq!(
            register.encode_to_vec(),
            bytes("0a07763162657461311206612e736f636b1a136169726c6f636b2e6465762f73657373696f6e220408011001")
        );
        let list = ListAndWatchResponse {
            devices: vec![
                Device { id: "a".to_owned(), health: HEALTHY.to_owned() },
                Device { id: "b".to_owned(), health: UNHEALTHY.to_owned() },
            ],
        };
        assert_eq!(list.encode_to_vec(), bytes("0a0c0a016112074865616c7468790a0e0a01621209556e6865616c746879"));
        let allocated = AllocateResponse {
            container_responses: vec![ContainerAllocateResponse {
                cdi_devices: vec![CdiDevice { name: "airlock.dev/session=a".to_owned() }],
                ..ContainerAllocateResponse::default()
            }],
        };
        assert_eq!(allocated.encode_to_vec(), bytes("0a192a170a156169726c6f636b2e6465762f73657373696f6e3d61"));
        let request = AllocateRequest {
            container_requests: vec![ContainerAllocateRequest { devices_ids: vec!["a".to_owned(), "b".to_owned()] }],
        };
        assert_eq!(AllocateRequest::decode(&*bytes("0a060a01610a0162")), Ok(request));
        let preferred = PreferredAllocationRequest {
            container_requests: vec![ContainerPreferredAllocationRequest {
                available_device_ids: vec!["a".to_owned(), "b".to_owned()],
                must_include_device_ids: vec!["b".to_owned()],
                allocation_size: 1,
            }],
        };
        assert_eq!(PreferredAllocationRequest::decode(&*bytes("0a0b0a01610a01621201621801")), Ok(preferred));
        let chosen = PreferredAllocationResponse {
            container_responses: vec![ContainerPreferredAllocationResponse { device_ids: vec!["b".to_owned()] }],
        };
        assert_eq!(chosen.encode_to_vec(), bytes("0a030a0162"));
        let start = PreStartContainerRequest { devices_ids: vec!["a".to_owned()] };
        assert_eq!(PreStartContainerRequest::decode(&*bytes("0a0161")), Ok(start));
    }
}
